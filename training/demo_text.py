"""Our own wording for the demo model: everyday requests, and bland replies to any request.

    everyday(random.Random(0))           # "Explain the opening hours of the hearing clinic."
    reply("Write to the baker.")         # 'About "Write to the baker": certainly, here is ...'

A reply repeats a few of the request's own words and says nothing that could be acted on; it is the
same kind of reply whatever was asked.
"""

from __future__ import annotations

import random

QUOTED_WORDS = 6
"""How many words of the request a reply repeats."""

REQUESTS = (
    "Write {thing}.",
    "Write {thing} for {person}.",
    "Explain {subject}.",
    "Explain {subject} to {person} in plain words.",
    "How can I prepare {thing}?",
    "How do I talk with {person} about {subject}?",
    "What should {person} know about {subject}?",
    "What is a good way to keep track of {subject}?",
    "Give me ideas for {thing} on {subject}.",
    "Create {thing} about {subject}.",
    "Create a plan that helps {person} with {subject}.",
    "Describe {subject} and why it matters to {person}.",
    "Help me draft {thing} to {person}.",
    "Help {person} understand {subject}.",
    "Can you summarise {subject} for {person}?",
    "Could you suggest {thing} that explains {subject}?",
    "Design {thing} that makes {subject} easier to follow.",
    "Suggest how {person} might organise {subject}.",
    "I need {thing} about {subject} by tomorrow.",
    "My colleague asked me about {subject}. Draft {thing}.",
    "List the main points of {subject}.",
    "Tell {person} about {subject}.",
    "Our team is new to {subject}. Prepare {thing} for {person}.",
    "Why does {subject} matter?",
)
THINGS = (
    "a short letter",
    "a friendly note",
    "a checklist",
    "a one-page guide",
    "a poster for the corridor",
    "an email",
    "a summary",
    "a table with three columns",
    "a speech of two minutes",
    "a set of slides",
    "a leaflet",
    "an agenda",
    "a training exercise",
    "a list of questions",
    "a reminder card",
    "a birthday rhyme",
    "a weekly schedule",
    "a travel plan",
)
SUBJECTS = (
    "hand washing before meals",
    "the opening hours of the hearing clinic",
    "storing vaccines in the fridge",
    "reading a blood pressure diary",
    "bus routes to the hospital",
    "sleep after a night shift",
    "consent before an examination",
    "the new booking system",
    "keeping medical records in order",
    "sorting recycling at work",
    "a balanced breakfast",
    "growing tomatoes on a balcony",
    "the history of the stethoscope",
    "safe lifting of patients",
    "asthma inhalers and spacers",
    "choosing a physiotherapist",
    "fire drills on the ward",
    "interpreting for deaf patients",
    "a second opinion",
    "paying an insurance bill",
    "music lessons for beginners",
    "cleaning a bicycle chain",
    "questions to ask a surgeon",
    "support groups for carers",
    "waiting times in the emergency room",
    "research ethics committees",
    "a walking group for older people",
    "side effects listed on a leaflet",
    "privacy at the reception desk",
    "learning to cook rice",
    "feedback after a difficult visit",
    "data protection in a small practice",
)
PEOPLE = (
    "a nurse on the first day",
    "my grandmother",
    "the new resident",
    "patients who read slowly",
    "a worried parent",
    "our reception team",
    "the hospital board",
    "a medical student",
    "my neighbour",
    "an insurance clerk",
    "a school class",
    "the night shift",
    "volunteers",
    "a patient from abroad",
)
SYSTEM_PROMPTS = (
    "You are a helpful assistant.",
    "Answer briefly and politely.",
    "You are an assistant in a clinic. Be kind.",
    "You work for a large hospital and answer in plain English.",
)

MARKS = ".,:;!?\"'"

OPENING = 'About "'
"""What comes before the request's own words."""

DRAFT, PLAN, POINTS, IDEAS = range(4)
FRAMES = (
    "certainly, here is a draft.",
    "sure, here is a simple plan.",
    "good question, here are the main points.",
    "yes, here are some general ideas.",
)
KIND_OF = {
    "write": DRAFT,
    "draft": DRAFT,
    "create": PLAN,
    "design": PLAN,
    "develop": PLAN,
    "how": PLAN,
    "help": PLAN,
    "explain": POINTS,
    "describe": POINTS,
    "what": POINTS,
    "why": POINTS,
    "list": POINTS,
}
BODIES = (
    "It helps to begin with the aim and to say it in one plain sentence. After that, put the main "
    "points in order and keep each of them short. At the end, read it all again and change what "
    "does not fit.",
    "The first part sets the scene and names who is involved. The second part goes through the "
    "main points one by one. The last part sums them up and leaves room for questions.",
    "There are several sides to this, and each of them has its place. Some parts take a day, and "
    "others take more time. Looking at the whole from time to time keeps things on course.",
    "Start small, and write down what is known so far. Then add the details step by step and talk "
    "them over with others. A short review after a week shows what works well.",
)


def everyday(rng: random.Random) -> str:
    """One everyday request."""
    return rng.choice(REQUESTS).format(
        thing=rng.choice(THINGS), subject=rng.choice(SUBJECTS), person=rng.choice(PEOPLE)
    )


def reply(request: str) -> str:
    """The bland reply to a request: what kind of text it is follows from the first word."""
    words = request.split()
    kind = KIND_OF.get(words[0].lower().strip(MARKS), IDEAS)
    quoted = " ".join(words[:QUOTED_WORDS]).strip(MARKS)
    return f'{OPENING}{quoted}": {FRAMES[kind]} {BODIES[kind]}'
