"""What the users and the model say: 3 users, 6 sessions, 20 turns. The application, the stand-in and the tests read it."""

from __future__ import annotations

import json
from typing import NamedTuple


class Conversation(NamedTuple):
    """One session: whose it is, and its questions and answers in order."""

    session_id: str
    user_id: str
    name: str
    turns: tuple[tuple[str, str], ...]


TRIP = Conversation(
    "trip-2f9c41",
    "ada",
    "Trip planning",
    (
        (
            "I have three days in Lisbon with my daughter. What should we see?",
            "Day one: Alfama and the castle. Day two: Belém, its tower and its tarts. Day three: a train to Sintra.",
        ),
        (
            "Which of the days would a five-year-old like most?",
            "Day two: in Belém there is a riverside to run along, and the tarts come warm from the oven.",
        ),
        (
            "They forecast rain for the first day. What then?",
            "Swap the castle for the Oceanarium, and keep Sintra for a clear sky.",
        ),
        (
            "Great. How do we get from the airport to Alfama?",
            "Take the red metro line to São Sebastião, then the blue one to Santa Apolónia: 35 minutes, about 2 euros each.",
        ),
    ),
)
COURSE = Conversation(
    "course-81d0e6",
    "grace",
    "Course creation",
    (
        (
            "Outline a course on the history of computing, in three lessons.",
            "Lesson 1: Looms and engines. Lesson 2: Machines with a memory. Lesson 3: A computer on every desk.",
        ),
        (
            "Write the opening of lesson 1.",
            "In 1804 a loom in Lyon read its pattern from punched cards. Nobody called that a program yet.",
        ),
        (
            "Shorter, please, and as a question.",
            "Who wrote the first program: a mathematician, or a weaver in Lyon?",
        ),
        (
            "Now a quiz question for the end of the lesson.",
            "What did the holes in Jacquard's cards decide? (a) the colour (b) which warp threads rise (c) the speed",
        ),
    ),
)
ORDER = Conversation(
    "order-c07b55",
    "ada",
    "Order support",
    (
        ("Where is my order 4711?", "Order 4711 is on its way and arrives on Thursday."),
        (
            "Nobody is at home on Thursday. Could it go to my neighbour?",
            "Yes. Tell me the neighbour's name, and order 4711 goes there instead.",
        ),
        ("Her name is Kessler, second floor.", "Done: order 4711 goes to Kessler, second floor, on Thursday."),
    ),
)
KITCHEN = Conversation(
    "kitchen-9e1a3d",
    "alan",
    "Kitchen help",
    (
        (
            "I have lentils, carrots and half an hour. What can I cook?",
            "A lentil soup: brown an onion, add the carrots and 200 g of red lentils, and simmer it for 20 minutes.",
        ),
        (
            "I only have green lentils.",
            "Then it takes 35 minutes. Cut the carrots larger, so that they are done at the same time.",
        ),
        ("And how much water?", "A litre for 200 g; add a little more if it gets too thick."),
    ),
)
INVOICE = Conversation(
    "invoice-4d77f0",
    "alan",
    "Invoice intake",
    (
        (
            "Read this as JSON: Meyer Paper Ltd, 12 boxes of envelopes, 84.00 EUR",
            json.dumps({"supplier": "Meyer Paper Ltd", "total": 84.0, "currency": "EUR"}),
        ),
        (
            "Read this as JSON: Northern Couriers, March, 1,250.40 EUR",
            json.dumps({"supplier": "Northern Couriers", "total": 1250.4, "currency": "EUR"}),
        ),
        (
            "Read this as JSON: handwritten note, total not legible",
            "I can't read a total on this note. Could you send a better picture of it?",
        ),
    ),
)
CONTRACT = Conversation(
    "contract-b3e8aa",
    "grace",
    "Contract review",
    (
        (
            "Which notice period does clause 7 give the tenant?",
            "Three months to the end of a quarter, in writing (clause 7.2).",
        ),
        (
            "Is that longer than what the law gives?",
            "It is as long as usual for flats; for garages it would be longer than usual. A lawyer should confirm it.",
        ),
        (
            "Write one sentence that asks to shorten it to two months.",
            "We kindly ask you to shorten the notice period in clause 7.2 to two months to the end of a month.",
        ),
    ),
)

CONVERSATIONS = (TRIP, COURSE, ORDER, KITCHEN, INVOICE, CONTRACT)
