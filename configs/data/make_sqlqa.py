"""Writes the text-to-SQL sample data: `sqlqa.jsonl` and `sqlqa.subsample.jsonl`, next to this file.

A row has a `question`, a `context` of one or two CREATE TABLE statements, and an `answer`, the one SELECT
that the two determine. A *table* brings the words of a domain, a *link* ties a child table to its parent, and
a *shape* (a function below, such as `having_count`) turns either into a question and its query. Every wording
belongs to one way of writing the query: keywords in capitals, text in single quotes, columns in the order
asked for, ascending order unmarked, and in a query over two tables T1 for the first and T2 for the second.

    python configs/data/make_sqlqa.py                                # both files, always the same bytes
    python configs/data/make_sqlqa.py --rows 40000 --out more.jsonl  # more rows; the first 4,000 are the same
"""

from __future__ import annotations

import argparse
import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from random import Random

SEED = 20240607
ROWS = 4000
SUBSAMPLE_ROWS = 64
TRIES = 200  # attempts at a new row of one shape before that shape is passed over

Row = dict[str, str]


# --- the vocabulary's types ------------------------------------------------------------------------------


@dataclass(frozen=True)
class Text:
    """A VARCHAR column: `clause` says of a row that it has a value ("directed by {}")."""

    name: str
    one: str
    many: str
    values: tuple[str, ...]
    clause: str = ""
    be: str = "are"
    kind: str = "VARCHAR"


@dataclass(frozen=True)
class Number:
    """A numeric column with values from `low` to `high` by `step`, and the words for comparing them.

    `over` and `under` are clauses with a special word ("older than {}"), `most` and `least` the superlatives
    that go with them. `total` says that a sum makes sense; `verb` marks a year ("released" in one).
    """

    name: str
    one: str
    many: str
    low: int
    high: int
    step: int = 1
    unit: str = ""
    over: str = ""
    under: str = ""
    most: str = ""
    least: str = ""
    total: bool = False
    tenths: bool = False
    verb: str = ""
    be: str = "are"

    @property
    def kind(self) -> str:
        """The SQL type."""
        return "REAL" if self.tenths else "INTEGER"

    @property
    def extremes(self) -> tuple[str, str]:
        """The words for the largest and the smallest value."""
        if self.verb:
            return ("latest", "earliest")
        return ("greatest", "smallest") if self.unit else ("highest", "lowest")

    @property
    def comparatives(self) -> tuple[str, str]:
        """The words for a larger and a smaller value (not of a year)."""
        return ("greater", "smaller") if self.unit else ("higher", "lower")


Column = Text | Number


@dataclass(frozen=True)
class Table:
    """A table, the nouns for its rows, and its columns; `label` is the column that tells rows apart.

    `called` puts a label's value behind the noun ("the film titled X"). It is empty where the label does not
    name the row itself, as with a booking's guest; then no question says "which bookings" and means guests.
    """

    name: str
    one: str
    many: str
    called: str
    label: Text
    texts: tuple[Text, ...]
    numbers: tuple[Number, ...]
    person: bool = False

    @property
    def details(self) -> tuple[Column, ...]:
        """All columns but the label and keys."""
        return (*self.texts, *self.numbers)

    @property
    def columns(self) -> tuple[Column, ...]:
        """All columns but keys."""
        return (self.label, *self.details)

    @property
    def its(self) -> str:
        """The possessive for one row."""
        return "their" if self.person else "its"

    @property
    def that(self) -> str:
        """The relative pronoun for rows."""
        return "who" if self.person else "that"


@dataclass(frozen=True)
class Link:
    """One parent row has many child rows: `child.ref` holds `parent.key`.

    `named` says of children that they belong to the parent with a label ("in the {} department"), `via` leads
    into a clause about parents ("in departments").
    """

    parent: Table
    child: Table
    key: str
    ref: str
    named: str
    via: str
    be: str = "are"

    @property
    def source(self) -> str:
        """The FROM clause."""
        return f"{self.parent.name} AS T1 JOIN {self.child.name} AS T2 ON T1.{self.key} = T2.{self.ref}"


@dataclass(frozen=True)
class Condition:
    """A restriction of rows: as SQL, and as a phrase that follows the plural noun."""

    column: Column
    sql: str
    phrase: str
    be: str = "are"

    @property
    def predicate(self) -> str:
        """The phrase as a verb ("have a price above 5", "were released in 1990"); empty if there is none."""
        if self.phrase.startswith("whose "):
            return ""
        if self.phrase.startswith("with "):
            return "have " + self.phrase.removeprefix("with ")
        return f"{self.be} {self.phrase}"


@dataclass(frozen=True)
class Draft:
    """A question and its query, with the columns that the context must hold (in the one or two tables)."""

    question: str
    sql: str
    used: tuple[Column, ...]
    used_child: tuple[Column, ...] = ()


# --- writing the vocabulary down -------------------------------------------------------------------------


def plural(noun: str) -> str:
    """The regular plural."""
    if noun.endswith("y") and noun[-2] not in "aeiou":
        return noun[:-1] + "ies"
    return noun + ("es" if noun.endswith(("s", "x", "ch", "sh")) else "s")


def listed(words: str) -> tuple[str, ...]:
    """The values of a comma-separated list."""
    return tuple(words.split(", "))


def text(one: str, clause: str, values: str | Sequence[str], name: str = "", be: str = "are") -> Text:
    """A text column, named after its noun unless `name` says otherwise."""
    pool = listed(values) if isinstance(values, str) else tuple(values)
    return Text(name or one.replace(" ", "_"), one, plural(one), pool, clause, be)


def number(one: str, low: int, high: int, step: int = 1, name: str = "") -> Number:
    """A numeric column, named after its noun unless `name` says otherwise."""
    return Number(name or one.replace(" ", "_"), one, plural(one), low, high, step)


def amount(one: str, low: int, high: int, step: int = 1, name: str = "") -> Number:
    """A numeric column that may be summed."""
    return replace(number(one, low, high, step, name), total=True)


def tally(one: str, high: int, step: int = 1, noun: str = "") -> Number:
    """A count of things per row: the column `goals` for the noun "goal"."""
    things = plural(one)
    over, under = f"with more than {{}} {things}", f"with fewer than {{}} {things}"
    base = amount(noun or f"{one} count", 2 * step, high, step, things.replace(" ", "_"))
    return replace(base, over=over, under=under)


def size(base: Number, unit: str, words: str) -> Number:
    """The column with a unit and the words "longer shorter longest shortest" for comparing it."""
    more, less, most, least = words.split()
    unit = f" {unit}" if unit else ""
    over, under = f"{more} than {{}}{unit}", f"{less} than {{}}{unit}"
    return replace(base, unit=unit, over=over, under=under, most=most, least=least)


def year(one: str, verb: str, low: int = 1950, high: int = 2023, name: str = "year") -> Number:
    """A column of years in which something was done."""
    return replace(number(one, low, high, 1, name), verb=verb, be="were")


def tenths(one: str, low: int, high: int, name: str = "") -> Number:
    """A numeric column with one decimal, its limits given in tenths."""
    return replace(number(one, low, high, 1, name), tenths=True)


def pairs(first: str, last: str) -> tuple[str, ...]:
    """Every two-part name that the two lists make."""
    return tuple(f"{a} {b}" for a in listed(first) for b in listed(last))


def codes(prefixes: str, count: int) -> tuple[str, ...]:
    """Short codes such as "KB417"."""
    return tuple(f"{a}{100 + (37 * i) % 900}" for a in listed(prefixes) for i in range(count))


def label(one: str, values: str | Sequence[str], name: str = "") -> Text:
    """The column that tells the rows of a table apart."""
    return text(one, "", values, name)


def person(one: str, *columns: Column, name: str = "") -> Table:
    """A table of people, told apart by name."""
    return replace(thing(one, "named", label("name", PEOPLE), *columns, name=name), person=True)


def place(one: str, suffix: str, *columns: Column) -> Table:
    """A table of places such as "Oakdale Museum", told apart by name."""
    names = [f"{name} {suffix}".strip() for name in PLACES]
    return thing(one, "named", label("name", names), *columns)


def firm(one: str, *columns: Column) -> Table:
    """A table of firms and the like, told apart by name."""
    return thing(one, "named", label("name", FIRMS), *columns)


def titled(one: str, *columns: Column) -> Table:
    """A table of works, told apart by title."""
    return thing(one, "titled", label("title", TITLES), *columns)


def thing(one: str, called: str, first: Text, *columns: Column, name: str = "") -> Table:
    """Any table, named after its noun unless `name` says otherwise."""
    texts = tuple(column for column in columns if isinstance(column, Text))
    numbers = tuple(column for column in columns if isinstance(column, Number))
    return Table(name or one.replace(" ", "_"), one, plural(one), called, first, texts, numbers)


# --- the vocabulary --------------------------------------------------------------------------------------

PEOPLE = pairs(
    "Ana, Ben, Chloe, Dario, Elif, Femi, Greta, Hugo, Ines, Jonas, Kira, Liam, Mina, Nadia, Omar, Petra",
    "Adler, Bauer, Costa, Diaz, Evans, Fonseca, Grant, Hale, Ito, Jensen, Kovac, Lund, Moreau, Novak, O'Hara",
)
TITLES = pairs(
    "Silent, Golden, Broken, Distant, Hidden, Crimson, Frozen, Restless, Paper, Winter, Midnight, Hollow",
    "River, Harbor, Garden, Mirror, Letter, Orchard, Signal, Island, Bridge, Lantern, Meadow, Horizon",
)
CITIES = "Oslo, Lyon, Porto, Krakow, Denver, Boston, Osaka, Lima, Nairobi, Perth, Quito, Leeds, Ghent, Hanoi"
COUNTRIES = "Norway, Japan, Kenya, Brazil, Canada, France, Spain, Chile, India, Egypt, Poland, Ghana, Peru"
SUBJECTS = "biology, history, physics, music, geography, chemistry, economics, drama, algebra, philosophy"
PLACES = listed("Oakdale, Hillview, Riverside, Westbrook, Maple Grove, Stonefield, Lakeside, Fairmont, Ashby")
FIRMS = listed("Norvik, Altessa, Bramwell, Corvane, Delmora, Ferrant, Galdine, Hexbury, Larkton, Montrel")

AGE = size(number("age", 18, 70), "", "older younger oldest youngest")
ANIMAL_AGE = replace(AGE, low=2, high=30)
SALARY = replace(amount("salary", 20000, 120000, 1000), over="earning more than {}", under="earning less than {}")
PRICE = number("price", 5, 300, 5)
TICKET = number("ticket price", 5, 90)
BUDGET = amount("budget", 10000, 900000, 10000)
HEIGHT = size(number("height", 20, 400, 5), "m", "taller shorter tallest shortest")
LENGTH = size(number("length", 50, 2500, 50), "m", "longer shorter longest shortest")
WEIGHT = size(number("weight", 4, 160, 2), "kg", "heavier lighter heaviest lightest")
RATING = tenths("rating", 20, 95)
BASED, LOCATED, LIVING = (text("city", f"{verb} in {{}}", CITIES) for verb in ("based", "located", "living"))
FROM, HOME = text("country", "from {}", COUNTRIES), text("country", "based in {}", COUNTRIES)
MANAGER = text("manager", "managed by {}", PEOPLE)
GENRE = text("genre", "in the {} genre", "drama, comedy, horror, western, thriller, romance, fantasy, mystery")
DIRECTOR = text("director", "directed by {}", PEOPLE, be="were")

DEPARTMENTS = "Sales, Finance, Legal, Research, Marketing, Support, Logistics, Design, Security, Payroll"
DEPARTMENT = thing("department", "named", label("name", DEPARTMENTS), LOCATED, MANAGER, BUDGET)
EMPLOYEE = person(
    "employee",
    text(
        "job",
        "working as a {}",
        "clerk, driver, designer, tester, planner, buyer, lawyer, cashier, recruiter",
    ),
    LIVING,
    AGE,
    SALARY,
)
STUDIO = firm(
    "studio", HOME, year("founding year", "founded", 1910, 2015, "founded"), amount("staff size", 10, 900, 10)
)
FILM = titled(
    "film",
    GENRE,
    DIRECTOR,
    year("release year", "released"),
    size(number("running time", 70, 200, 5, "minutes"), "minutes", "longer shorter longest shortest"),
    amount("gross", 100000, 9000000, 100000),
)
AIRLINE = firm("airline", HOME, tally("plane", 300, 5, "fleet size"), year("founding year", "founded", name="founded"))
FLIGHT = thing(
    "flight",
    "with code",
    label("code", codes("KB, NR, TX", 40)),
    text("origin", "departing from {}", CITIES),
    text("destination", "flying to {}", CITIES),
    size(number("distance", 200, 9000, 100), "km", "longer shorter longest shortest"),
    tally("seat", 320, 10),
    replace(PRICE, one="fare", many="fares", name="fare"),
)
AIRPORT = place(
    "airport",
    "Airport",
    text("city", "serving {}", CITIES),
    tally("runway", 6),
    number("elevation", 10, 2400, 10),
    tally("passenger", 900000, 10000),
)
CUSTOMER = person(
    "customer",
    LIVING,
    text("tier", "with {} membership", "gold, silver, bronze, basic"),
    AGE,
    tally("point", 900, 10),
)
ORDER = thing(
    "order",
    "with number",
    label("number", codes("A, B, C", 60), "order_number"),
    text("status", "marked as {}", "shipped, pending, cancelled, returned, delivered"),
    text("payment method", "paid by {}", "card, cash, invoice, voucher, transfer", "payment", be="were"),
    amount("amount", 10, 900, 5),
    amount("quantity", 2, 40),
    name="orders",
)
DOCTOR = person(
    "doctor",
    text("specialty", "specializing in {}", "cardiology, oncology, neurology, surgery, radiology, dermatology"),
    text("hospital", "working at {}", [f"{name} Clinic" for name in PLACES]),
    AGE,
    number("fee", 40, 400, 10),
)
PATIENT = person(
    "patient",
    text("ward", "in the {} ward", "surgical, maternity, burns, cardiac, children's, recovery"),
    replace(
        text("diagnosis", "diagnosed with {}", "asthma, anemia, diabetes, migraine, flu, bronchitis", be="were"),
        many="diagnoses",
    ),
    AGE,
    replace(WEIGHT, low=40, high=120),
)
TEAMS = "Falcons, Rovers, Comets, Tigers, Harriers, Pilots, Ravens, Dockers, Wolves, Rangers, Stags"
TEAM = thing("team", "named", label("name", TEAMS), BASED, text("coach", "coached by {}", PEOPLE), tally("win", 40))
PLAYER = person(
    "player",
    text("position", "playing as a {}", "goalkeeper, defender, midfielder, forward, striker"),
    FROM,
    replace(AGE, low=17, high=40),
    tally("goal", 60),
)
MATCH = thing(
    "match",
    "",
    label("home team", TEAMS),
    text("away team", "against the {}", TEAMS),
    text("venue", "played at {}", [f"{name} Park" for name in PLACES], be="were"),
    year("season", "played", 1990, 2023, "season"),
    amount("attendance", 500, 60000, 500),
    name="matches",
)
AUTHOR = person("author", FROM, year("birth year", "born", 1850, 1995, "birth_year"), tally("award", 20))
BOOK = titled(
    "book",
    text("genre", "in the {} genre", "fiction, poetry, history, science, travel, memoir, fantasy"),
    text("publisher", "published by {}", FIRMS, be="were"),
    text("language", "written in {}", "English, Polish, Hindi, Spanish, Arabic, Swahili", be="were"),
    tally("page", 900, 10),
    PRICE,
)
ARTIST = person("artist", FROM, text("style", "known for {}", "jazz, folk, rock, soul, blues, opera"), AGE)
ALBUM = titled(
    "album",
    text("record label", "released by {}", FIRMS, be="were"),
    year("release year", "released", 1960),
    tally("track", 24),
    amount("sales figure", 1000, 900000, 1000, "sales"),
)
TEACHER = person("teacher", text("subject", "trained in {}", SUBJECTS, be="were"), LIVING, AGE, SALARY)
COURSE = thing(
    "course",
    "titled",
    label("title", pairs("Modern, Applied, Basic, Advanced", "Algebra, Botany, Drawing, Optics, Logic, Ethics")),
    text("weekday", "held on {}", "Monday, Tuesday, Wednesday, Thursday, Friday"),
    text("room", "held in room {}", "A1, A2, B4, B7, C3, D9"),
    tally("credit", 12),
    amount("capacity", 10, 200, 5),
)
SCHOOL = place(
    "school",
    "School",
    text("district", "in the {} district", "northern, southern, eastern, western, central, coastal"),
    text("principal", "led by {}", PEOPLE),
    amount("enrollment", 100, 2400, 50),
)
STUDENT = person("student", text("major", "majoring in {}", SUBJECTS), LIVING, AGE, tenths("GPA", 20, 40, "gpa"))
MUSEUM = place("museum", "Museum", LOCATED, tally("visitor", 90000, 1000), TICKET)
PAINTING = titled(
    "painting",
    text("painter", "painted by {}", PEOPLE, be="were"),
    text("style", "in the {} style", "cubist, baroque, gothic, abstract, realist, romantic"),
    year("year", "painted", 1600, 2020),
    replace(PRICE, low=500, high=90000, step=500),
)
HOTEL = place("hotel", "Hotel", LOCATED, MANAGER, tally("room", 400, 5), number("star rating", 1, 5, name="stars"))
BOOKING = thing(
    "booking",
    "",
    label("guest", PEOPLE),
    text("room type", "for a {} room", "single, double, family, twin, corner"),
    size(amount("stay", 2, 21, 1, "nights"), "nights", "longer shorter longest shortest"),
    amount("price", 80, 2400, 20),
)
RESTAURANT = place(
    "restaurant",
    "Grill",
    text("cuisine", "serving {} food", "Thai, Greek, Mexican, Korean, Turkish, Peruvian"),
    LOCATED,
    RATING,
    amount("capacity", 10, 160, 5),
)
DISH = thing(
    "dish",
    "named",
    label(
        "name",
        pairs("Baked, Grilled, Spicy, Smoked, Crispy", "Lentils, Salmon, Tofu, Pumpkin, Rice, Chicken"),
    ),
    text("course", "served as a {}", "starter, main, dessert, side, snack", be="were"),
    number("price", 4, 45),
    tally("calorie", 1200, 20),
)
COUNTRY = thing(
    "country",
    "named",
    label("name", COUNTRIES),
    text("continent", "located in {}", "Africa, Asia, Europe, Oceania, South America, North America"),
    text("currency", "using the {}", "peso, krone, euro, rupee, pound, dollar, shilling"),
    amount("population", 200000, 90000000, 100000),
    size(amount("area", 1000, 900000, 1000), "km2", "larger smaller largest smallest"),
)
CITY = thing(
    "city",
    "named",
    label("name", CITIES),
    text("mayor", "governed by {}", PEOPLE),
    text("climate", "with a {} climate", "mild, dry, humid, tropical, polar"),
    amount("population", 20000, 9000000, 10000),
    number("elevation", 5, 2900, 5),
)
MOUNTAIN = thing(
    "mountain",
    "named",
    label("name", pairs("Mount", "Arden, Brel, Corran, Dusk, Elbin, Faro, Garnet, Hollis, Ivor, Kestrel")),
    text("country", "located in {}", COUNTRIES),
    year("first ascent", "first climbed", 1820, 1990, "first_ascent"),
    size(number("height", 900, 8400, 50), "m", "higher lower highest lowest"),
)
RIVERS = "Arvel, Brona, Caldra, Doven, Esker, Fenna, Gaura, Holm, Isaro, Kelda"
RIVER = thing(
    "river",
    "named",
    label("name", RIVERS),
    text("country", "flowing through {}", COUNTRIES),
    text("mouth", "ending in the {}", "North Sea, Black Sea, Red Sea, Baltic Sea, Coral Sea"),
    size(amount("length", 50, 6000, 50), "km", "longer shorter longest shortest"),
)
PORT = place("port", "Harbor", text("country", "located in {}", COUNTRIES), tally("berth", 80), number("depth", 5, 40))
SHIP = thing(
    "ship",
    "named",
    label("name", pairs("Northern, Ocean, Royal, Lady, Polar", "Star, Swan, Pearl, Wind, Crown, Dawn")),
    text("type", "built as a {}", "tanker, ferry, trawler, cruiser, tugboat", be="were"),
    text("captain", "commanded by {}", PEOPLE),
    year("launch year", "launched", 1960, 2022, "launched"),
    amount("tonnage", 500, 90000, 500),
)
STADIUM = place(
    "stadium",
    "Stadium",
    LOCATED,
    year("opening year", "opened", name="opened"),
    amount("capacity", 2000, 90000, 1000),
)
CONCERT = titled(
    "concert",
    text("performer", "performed by {}", PEOPLE, be="were"),
    year("year", "held", 1980),
    amount("attendance", 500, 60000, 500),
    TICKET,
)
SUPPLIER = firm("supplier", HOME, text("contact", "represented by {}", PEOPLE), RATING)
PRODUCT = thing(
    "product",
    "named",
    label("name", pairs("Steel, Oak, Folding, Compact, Electric", "Lamp, Kettle, Desk, Drill, Chair, Heater")),
    text("category", "in the {} category", "kitchen, office, garden, outdoor, lighting, bath"),
    text("color", "painted {}", "red, blue, white, black, green, gray"),
    PRICE,
    amount("stock", 5, 500, 5),
)
MAKER = firm("manufacturer", HOME, MANAGER, amount("staff size", 200, 90000, 100))
CAR = thing(
    "car",
    "with model",
    label("model", pairs("Alto, Brisa, Cinto, Duro, Estra", "100, 200, GT, Sport, Plus, Cross")),
    text("fuel", "running on {}", "petrol, diesel, hydrogen, electricity, ethanol"),
    year("model year", "built", 1990),
    number("power", 60, 500, 5),
    replace(PRICE, low=4000, high=90000, step=1000),
)
BRIDGE = place(
    "bridge",
    "Bridge",
    text("river", "crossing the {}", RIVERS),
    text("material", "made of {}", "steel, stone, timber, concrete, iron"),
    year("opening year", "opened", 1850, 2022, "opened"),
    LENGTH,
)
MISSION = thing(
    "mission",
    "named",
    label("name", pairs("Orbiter, Pioneer, Voyage, Comet", "1, 2, 3, 4, 5, 6, 7, 8, 9")),
    text("agency", "run by {}", "Astrea, Orbis, Lunex, Stellar, Cosmia"),
    text("target", "headed for {}", "Mars, Venus, Saturn, Mercury, the Moon, Jupiter"),
    year("launch year", "launched", 1965, 2024, "launched"),
    size(amount("duration", 10, 900, 10), "days", "longer shorter longest shortest"),
)
SERIES = replace(
    titled(
        "series",
        GENRE,
        text("network", "broadcast by {}", "Canal 9, Vista, Nova TV, Prime 4"),
        tally("season", 14),
    ),
    many="series",
)
EPISODE = titled("episode", DIRECTOR, year("year", "aired", 1990), tally("viewer", 900000, 10000), RATING)
ZOO = place("zoo", "Zoo", LOCATED, tally("visitor", 90000, 1000), TICKET)
ANIMAL = thing(
    "animal",
    "named",
    label("name", "Bongo, Cleo, Dash, Echo, Fig, Ginger, Jojo, Koko, Luna, Milo, Nala, Otis, Pepper, Rufus"),
    replace(
        text("species", "of the species {}", "tapir, lemur, otter, zebra, lynx, panda, gibbon"),
        many="species",
    ),
    text("keeper", "cared for by {}", PEOPLE),
    ANIMAL_AGE,
    WEIGHT,
)
STATION = place(
    "station",
    "Station",
    text("line", "on the {} line", "red, blue, green, orange, circle, coastal"),
    year("opening year", "opened", 1870, 2020, "opened"),
    tally("platform", 16),
    tally("passenger", 90000, 1000),
)
WINERY = firm(
    "winery",
    text("region", "in the {} region", "Alder, Bellmont, Costera, Dunham, Loira"),
    FROM,
    amount("area", 5, 400, 5),
)
WINE = thing(
    "wine",
    "named",
    label("name", pairs("Old, Red, Grand, Clear", "Hill, Cellar, Stone, Valley, Oak, Barrel")),
    text("grape", "made from {}", "merlot, riesling, syrah, malbec, pinot noir"),
    year("vintage", "bottled", 1970, 2022, "vintage"),
    PRICE,
    number("score", 60, 99),
)
CANDIDATE = person(
    "candidate",
    text("party", "from the {} party", "Green, Liberal, Labor, Reform, Unity, Farmers"),
    text("district", "running in the {} district", "northern, southern, eastern, western, central"),
    AGE,
    tally("vote", 90000, 1000),
)
PROJECT = titled(
    "project",
    text("sponsor", "funded by {}", FIRMS),
    text("leader", "led by {}", PEOPLE),
    year("start year", "started", 1995, 2024, "start_year"),
    BUDGET,
)
BUILDING = place(
    "building",
    "Tower",
    text("architect", "designed by {}", PEOPLE, be="were"),
    LOCATED,
    tally("floor", 90),
    HEIGHT,
)
BRANCH = place("branch", "", LOCATED, MANAGER, amount("staff size", 4, 80))
ACCOUNT = thing(
    "account",
    "held by",
    label("owner", PEOPLE),
    text("type", "of the type {}", "savings, checking, business, student, joint", "account_type"),
    year("opening year", "opened", 1990, 2024, "opened"),
    amount("balance", 100, 90000, 100),
)
PHONE = thing(
    "phone",
    "with model",
    label("model", pairs("Nova, Pixo, Zent, Orla", "One, Two, Mini, Max, Pro, Lite")),
    text("brand", "made by {}", FIRMS),
    text("color", "colored {}", "red, blue, white, black, green, silver"),
    tenths("screen size", 45, 72),
    replace(PRICE, low=100, high=1500, step=10),
)
ATHLETE = person(
    "athlete",
    text("sport", "competing in {}", "rowing, judo, fencing, diving, archery, sailing, cycling"),
    FROM,
    AGE,
    tally("medal", 20),
)
FARM = place(
    "farm",
    "Farm",
    text("crop", "growing {}", "barley, maize, wheat, hops, flax, oats"),
    text("owner", "owned by {}", PEOPLE),
    size(amount("area", 5, 900, 5), "acres", "larger smaller largest smallest"),
)
PLANT = thing(
    "plant",
    "named",
    label("name", pairs("Dwarf, Wild, Marsh, Alpine", "Fern, Lily, Sage, Aster, Poppy, Thistle")),
    text("family", "of the {} family", "rose, mint, daisy, orchid, lily, grass"),
    text("flower color", "with {} flowers", "red, blue, white, yellow, purple, pink"),
    size(number("height", 10, 300, 5), "cm", "taller shorter tallest shortest"),
)
CONFERENCE = place(
    "conference",
    "Forum",
    text("city", "held in {}", CITIES),
    year("year", "held", 1990),
    number("fee", 50, 900, 10),
)
PAPER = titled(
    "paper",
    text("topic", "about {}", "robotics, vision, privacy, genetics, climate, networks"),
    text("editor", "edited by {}", PEOPLE, be="were"),
    tally("citation", 900, 5),
    tally("page", 40),
)
WAREHOUSE = place("warehouse", "Depot", LOCATED, MANAGER, amount("capacity", 500, 90000, 500))
PARCEL = thing(
    "parcel",
    "with code",
    label("code", codes("P, Q, R", 50)),
    text("destination", "going to {}", CITIES),
    text("status", "marked as {}", "stored, sent, lost, damaged, returned"),
    WEIGHT,
    replace(PRICE, one="shipping cost", many="shipping costs", name="cost", total=True),
)
SERVER = thing(
    "server",
    "named",
    label("name", pairs("web, mail, cache, build, backup", "01, 02, 03, 04, 05")),
    text("location", "located in {}", CITIES),
    text("system", "running {}", "Linux, Windows, BSD, Solaris"),
    amount("memory", 4, 512, 4),
    tally("core", 64, 2),
)

LINKS = (
    Link(DEPARTMENT, EMPLOYEE, "id", "department_id", "in the {} department", "in departments"),
    Link(STUDIO, FILM, "id", "studio_id", "made by the studio {}", "made by studios", "were"),
    Link(AIRLINE, FLIGHT, "id", "airline_id", "operated by {}", "operated by airlines"),
    Link(CUSTOMER, ORDER, "customer_id", "customer_id", "placed by {}", "placed by customers", "were"),
    Link(DOCTOR, PATIENT, "id", "doctor_id", "treated by {}", "treated by doctors", "were"),
    Link(TEAM, PLAYER, "team_id", "team_id", "playing for the {}", "playing for teams"),
    Link(AUTHOR, BOOK, "id", "author_id", "written by {}", "written by authors", "were"),
    Link(ARTIST, ALBUM, "id", "artist_id", "recorded by {}", "recorded by artists", "were"),
    Link(TEACHER, COURSE, "teacher_id", "teacher_id", "taught by {}", "taught by teachers"),
    Link(SCHOOL, STUDENT, "id", "school_id", "attending {}", "attending schools"),
    Link(MUSEUM, PAINTING, "museum_id", "museum_id", "kept in the {}", "kept in museums"),
    Link(HOTEL, BOOKING, "id", "hotel_id", "at the {}", "at hotels"),
    Link(RESTAURANT, DISH, "id", "restaurant_id", "on the menu of {}", "on the menu of restaurants"),
    Link(COUNTRY, CITY, "id", "country_id", "in {}", "in countries"),
    Link(PORT, SHIP, "port_id", "port_id", "docked at {}", "docked at ports"),
    Link(STADIUM, CONCERT, "id", "stadium_id", "held at {}", "held at stadiums", "were"),
    Link(SUPPLIER, PRODUCT, "supplier_id", "supplier_id", "delivered by {}", "delivered by suppliers"),
    Link(MAKER, CAR, "id", "manufacturer_id", "built by {}", "built by manufacturers", "were"),
    Link(SERIES, EPISODE, "id", "series_id", "of the series {}", "of series"),
    Link(ZOO, ANIMAL, "zoo_id", "zoo_id", "kept at {}", "kept at zoos"),
    Link(WINERY, WINE, "id", "winery_id", "produced by {}", "produced by wineries", "were"),
    Link(BRANCH, ACCOUNT, "branch_id", "branch_id", "at the {} branch", "at branches"),
    Link(CONFERENCE, PAPER, "id", "conference_id", "presented at {}", "presented at conferences", "were"),
    Link(WAREHOUSE, PARCEL, "id", "warehouse_id", "stored at {}", "stored at warehouses"),
)
ALONE = (AIRPORT, MATCH, MOUNTAIN, RIVER, BRIDGE, MISSION, STATION, CANDIDATE, PROJECT, BUILDING, PHONE)
TABLES = (
    *(table for link in LINKS for table in (link.parent, link.child)),
    *ALONE,
    *(ATHLETE, FARM, PLANT, SERVER),
)

# --- words and SQL for parts of a question ---------------------------------------------------------------

Value = str | int | float
LISTING = (
    "What are the {many} of {rows} {clause}?",
    "List the {many} of {rows} {clause}.",
    "Show the {many} of all {rows} {clause}.",
    "Find the {one} of every {row} {clause}.",
    "Give the {one} of each {row} {clause}.",
)


def quoted(value: Value) -> str:
    """The value as an SQL literal."""
    return str(value) if not isinstance(value, str) else "'" + value.replace("'", "''") + "'"


def a(noun: str) -> str:
    """The noun behind its indefinite article."""
    return f"{'an' if noun[0] in 'aeiou' else 'a'} {noun}"


def in_words(words: Sequence[str], last: str = "and") -> str:
    """An enumeration: "a, b and c"."""
    return f" {last} ".join(filter(None, [", ".join(words[:-1]), words[-1]]))


def tidy(sentence: str) -> str:
    """The sentence without the gaps that empty parts leave."""
    return " ".join(sentence.split()).replace(" ?", "?").replace(" .", ".")


def say(rng: Random, *templates: str, **parts: object) -> str:
    """One of the templates, filled in."""
    return tidy(rng.choice(templates).format(**parts))


def figure(rng: Random, column: Number) -> int | float:
    """A value of the column."""
    value = rng.randrange(column.low, column.high + 1, column.step)
    return value / 10 if column.tenths else value


def measure(rng: Random, table: Table) -> Number:
    """A number of the table that may be averaged: not a year."""
    return rng.choice([column for column in table.numbers if not column.verb])


def grouping(rng: Random, table: Table) -> Column:
    """A column whose values gather rows: not the label."""
    years: list[Column] = [column for column in table.numbers if column.verb]
    return rng.choice([*years, *table.texts])


def equal(rng: Random, column: Text, at: str = "") -> Condition:
    """One value of a text column."""
    value = rng.choice(column.values)
    sql = f"{at}{column.name} = {quoted(value)}"
    return Condition(column, sql, column.clause.format(value), column.be)


def in_year(rng: Random, column: Number, at: str = "") -> Condition:
    """One year."""
    value = figure(rng, column)
    return Condition(column, f"{at}{column.name} = {value}", f"{column.verb} in {value}", column.be)


def compared(rng: Random, column: Number, at: str = "") -> Condition:
    """Strictly more or less than a value."""
    value, sign = figure(rng, column), rng.choice("<>")
    phrase = rng.choice(comparisons(column, sign)).format(value)
    return Condition(column, f"{at}{column.name} {sign} {value}", phrase, column.be)


def comparisons(column: Number, sign: str) -> list[str]:
    """The clauses that say "more than {}" or "less than {}" of the column."""
    if column.verb:
        return [f"{column.verb} {'after' if sign == '>' else 'before'} {{}}"]
    words = ("above", "over", "greater than") if sign == ">" else ("below", "under", "less than")
    special = column.over if sign == ">" else column.under
    general = [f"with {a(column.one)} {word} {{}}{column.unit}" for word in words]
    return [*general, *[special] * (3 if special else 0)]


def bounded(rng: Random, column: Number, at: str = "") -> Condition:
    """At least or at most a value."""
    value, sign = figure(rng, column), rng.choice(("<=", ">="))
    if column.verb:
        phrase = f"{column.verb} in {value} or {'later' if sign == '>=' else 'earlier'}"
    else:
        word = "at least" if sign == ">=" else "at most"
        phrase = f"with {a(column.one)} of {word} {value}{column.unit}"
    return Condition(column, f"{at}{column.name} {sign} {value}", phrase, column.be)


def within(rng: Random, column: Number, at: str = "") -> Condition:
    """From one value to another, both included."""
    low, high = figure(rng, column), figure(rng, column)
    while low == high:
        high = figure(rng, column)
    low, high = min(low, high), max(low, high)
    lead = column.verb if column.verb else f"with {a(column.one)}"
    phrase = f"{lead} between {low} and {high}{column.unit}"
    return Condition(column, f"{at}{column.name} BETWEEN {low} AND {high}", phrase, column.be)


def matching(rng: Random, column: Text, at: str = "") -> Condition:
    """A piece at the start, in the middle or at the end of a label."""
    value = rng.choice(column.values)
    while "'" in value:
        value = rng.choice(column.values)
    where = rng.choice(("starts with", "contains", "ends with"))
    if where == "starts with":
        piece, pattern = f"the letter {value[0]}", f"{value[0]}%"
    elif where == "ends with":
        piece, pattern = f"'{value[-2:]}'", f"%{value[-2:]}"
    else:
        word = value.split()[-1]
        piece, pattern = f"'{word[-4:-1]}'", f"%{word[-4:-1]}%"
    return Condition(column, f"{at}{column.name} LIKE '{pattern}'", f"whose {column.one} {where} {piece}")


def restricted(rng: Random, table: Table, at: str = "") -> Condition:
    """Any simple condition on one of the table's columns."""
    column = rng.choice(table.details)
    if isinstance(column, Text):
        return equal(rng, column, at)
    if column.verb:
        return rng.choice((in_year, compared))(rng, column, at)
    return compared(rng, column, at)


def joined(first: str, second: str) -> str:
    """Two clauses that hold together."""
    return f"{first} {second}" if second.startswith("with ") else f"{first} and {second}"


def listing(rng: Random, table: Table, columns: Sequence[Column], where: Condition | str = "") -> str:
    """The question for columns of the rows that meet a condition, given as such or as a clause."""
    clause = where if isinstance(where, str) else where.phrase
    predicate = "" if isinstance(where, str) else where.predicate
    which = "Which {rows} {predicate}?"
    brief = bool(predicate and table.called and tuple(columns) == (table.label,))
    return say(
        rng,
        *([*LISTING, which, which] if brief else LISTING),
        many=in_words([column.many for column in columns]),
        one=in_words([column.one for column in columns]),
        rows=table.many,
        row=table.one,
        clause=clause,
        predicate=predicate,
    )


def aggregate(rng: Random, column: Number, at: str = "") -> tuple[str, str]:
    """A word for an aggregate of the column that makes sense, and its SQL."""
    most, least = column.extremes
    choices = [("MAX", most), ("MIN", least)]
    if not column.verb:
        choices += [("MAX", "maximum"), ("MIN", "minimum"), ("AVG", "average"), ("AVG", "average")]
    if column.total:
        choices += [("SUM", "total"), ("SUM", "total")]
    function, word = rng.choice(choices)
    return word, f"{function}({at}{column.name})"


def projected(rng: Random, table: Table) -> list[Column]:
    """What a listing shows: mostly the label, at times with another column."""
    return [table.label, rng.choice(table.details)] if rng.random() < 0.25 else [table.label]


def the_row(table: Table, value: str) -> str:
    """The row with a label."""
    return f"the {table.one} {table.called or f'whose {table.label.one} is'} {value}"


def names(columns: Iterable[Column], at: str = "") -> str:
    """The columns as a SELECT list."""
    return ", ".join(f"{at}{column.name}" for column in columns)


# --- shapes over one table -------------------------------------------------------------------------------


def select_columns(rng: Random, table: Table) -> Draft:
    """One or two columns of all rows."""
    columns: list[Column] = [table.label]
    if rng.random() < 0.6:
        columns.append(rng.choice(table.details))
    return Draft(listing(rng, table, columns), f"SELECT {names(columns)} FROM {table.name}", tuple(columns))


def lookup(rng: Random, table: Table) -> Draft:
    """Columns of the row with a given label."""
    columns = rng.sample(table.details, rng.choice((1, 1, 2)))
    value = rng.choice(table.label.values)
    wanted = in_words([column.one for column in columns])
    lead = ("Find", "Give", "Show") + (("What is",) * 3 if len(columns) == 1 else ())
    first = rng.choice(lead)
    end = "?" if first == "What is" else "."
    question = f"{first} the {wanted} of {the_row(table, value)}{end}"
    sql = f"SELECT {names(columns)} FROM {table.name} WHERE {table.label.name} = {quoted(value)}"
    return Draft(question, sql, (table.label, *columns))


def filtered(rng: Random, table: Table, where: Condition) -> Draft:
    """A listing of the rows that meet a condition."""
    columns = [column for column in projected(rng, table) if column != where.column]
    if where.column == table.label:
        columns = [table.label]
    sql = f"SELECT {names(columns)} FROM {table.name} WHERE {where.sql}"
    return Draft(listing(rng, table, columns, where), sql, (*columns, where.column))


def where_equal(rng: Random, table: Table) -> Draft:
    """Rows with a value."""
    column = grouping(rng, table)
    where = equal(rng, column) if isinstance(column, Text) else in_year(rng, column)
    return filtered(rng, table, where)


def where_not_equal(rng: Random, table: Table) -> Draft:
    """Rows without a value."""
    column = rng.choice([column for column in table.texts if not column.clause.startswith("with ")])
    where = equal(rng, column)
    return filtered(rng, table, replace(where, sql=where.sql.replace(" = ", " != "), phrase=f"not {where.phrase}"))


def where_compare(rng: Random, table: Table) -> Draft:
    """Rows with more or less than a value."""
    return filtered(rng, table, compared(rng, rng.choice(table.numbers)))


def where_bound(rng: Random, table: Table) -> Draft:
    """Rows with at least or at most a value."""
    return filtered(rng, table, bounded(rng, rng.choice(table.numbers)))


def where_between(rng: Random, table: Table) -> Draft:
    """Rows within a range."""
    return filtered(rng, table, within(rng, rng.choice(table.numbers)))


def where_like(rng: Random, table: Table) -> Draft:
    """Rows whose label has a piece."""
    return filtered(rng, table, matching(rng, table.label))


def where_in(rng: Random, table: Table) -> Draft:
    """Rows with one of several values."""
    column = rng.choice(table.texts)
    values = rng.sample(column.values, rng.choice((2, 2, 3)))
    sql = f"{column.name} IN ({', '.join(map(quoted, values))})"
    return filtered(rng, table, Condition(column, sql, column.clause.format(in_words(values, "or")), column.be))


def where_null(rng: Random, table: Table) -> Draft:
    """Rows with or without a value in a column."""
    column = rng.choice(table.details)
    test, word = rng.choice((("IS NULL", "no"), ("IS NOT NULL", "a")))
    phrase = f"with {word} recorded {column.one}"
    return filtered(rng, table, Condition(column, f"{column.name} {test}", phrase))


def two_conditions(rng: Random, table: Table) -> tuple[Condition, Condition]:
    """A condition on a text column and one on a number."""
    return equal(rng, rng.choice(table.texts)), compared(rng, rng.choice(table.numbers))


def where_and(rng: Random, table: Table) -> Draft:
    """Rows that meet both of two conditions."""
    first, second = two_conditions(rng, table)
    question = listing(rng, table, [table.label], joined(first.phrase, second.phrase))
    sql = f"SELECT {table.label.name} FROM {table.name} WHERE {first.sql} AND {second.sql}"
    return Draft(question, sql, (table.label, first.column, second.column))


def where_or(rng: Random, table: Table) -> Draft:
    """Rows that meet either of two conditions."""
    first, second = two_conditions(rng, table)
    clause = f"{table.that} {first.predicate} or {second.predicate}"
    question = say(rng, *LISTING[:3], many=table.label.many, rows=table.many, clause=clause)
    sql = f"SELECT {table.label.name} FROM {table.name} WHERE {first.sql} OR {second.sql}"
    return Draft(question, sql, (table.label, first.column, second.column))


def count_rows(rng: Random, table: Table) -> Draft:
    """The number of rows that meet a condition."""
    column = rng.choice(table.details)
    where = equal(rng, column) if isinstance(column, Text) else rng.choice((compared, bounded, within))(rng, column)
    question = say(
        rng,
        "How many {rows} {predicate}?",
        "How many {rows} {clause} are there?",
        "Count the {rows} {clause}.",
        "What is the number of {rows} {clause}?",
        rows=table.many,
        clause=where.phrase,
        predicate=where.predicate,
    )
    return Draft(question, f"SELECT COUNT(*) FROM {table.name} WHERE {where.sql}", (where.column,))


def count_distinct(rng: Random, table: Table) -> Draft:
    """The number of different values."""
    column = rng.choice(table.texts)
    question = say(
        rng,
        "How many different {many} are there among the {rows}?",
        "Count the distinct {many} of the {rows}.",
        "What is the number of different {many} of {rows}?",
        many=column.many,
        rows=table.many,
    )
    return Draft(question, f"SELECT COUNT(DISTINCT {column.name}) FROM {table.name}", (column,))


def select_distinct(rng: Random, table: Table) -> Draft:
    """The different values, of all rows or of those that meet a condition."""
    column = rng.choice(table.texts)
    numbers: list[Number] = [] if rng.random() < 0.5 else [rng.choice(table.numbers)]
    wheres = [compared(rng, number) for number in numbers]
    question = say(
        rng,
        "What are the different {many} of {rows} {clause}?",
        "List the distinct {many} of {rows} {clause}.",
        "Show the {many} of {rows} {clause} without repeats.",
        many=column.many,
        rows=table.many,
        clause="".join(where.phrase for where in wheres),
    )
    sql = f"SELECT DISTINCT {column.name} FROM {table.name}" + "".join(f" WHERE {where.sql}" for where in wheres)
    return Draft(question, sql, (column, *numbers))


def aggregated(rng: Random, table: Table, where: Condition | None) -> Draft:
    """An aggregate of a number, of all rows or of those that meet a condition."""
    column = rng.choice([number for number in table.numbers if where is None or number != where.column])
    word, sql = aggregate(rng, column)
    question = say(
        rng,
        "What is the {word} {one} of {rows} {clause}?",
        "Find the {word} {one} of all {rows} {clause}.",
        "Show the {word} {one} of the {rows} {clause}.",
        word=word,
        one=column.one,
        rows=table.many,
        clause=where.phrase if where else "",
    )
    tail = f" WHERE {where.sql}" if where else ""
    return Draft(question, f"SELECT {sql} FROM {table.name}{tail}", (column, *([where.column] if where else [])))


def aggregate_all(rng: Random, table: Table) -> Draft:
    """An aggregate over all rows."""
    return aggregated(rng, table, None)


def aggregate_where(rng: Random, table: Table) -> Draft:
    """An aggregate over the rows with a value."""
    return aggregated(rng, table, equal(rng, rng.choice(table.texts)))


def two_aggregates(rng: Random, table: Table) -> Draft:
    """The smallest and the largest value, or the average between."""
    column = measure(rng, table)
    pairs_of_words = (
        ("minimum", "MIN", "maximum", "MAX"),
        ("average", "AVG", "maximum", "MAX"),
        ("minimum", "MIN", "average", "AVG"),
    )
    one, first, two, second = rng.choice(pairs_of_words)
    question = say(
        rng,
        "What are the {word} {one} of {rows}?",
        "Show the {word} {one} of all {rows}.",
        "Find the {word} {one} of the {rows}.",
        word=f"{one} and {two}",
        one=column.one,
        rows=table.many,
    )
    sql = f"SELECT {first}({column.name}), {second}({column.name}) FROM {table.name}"
    return Draft(question, sql, (column,))


def spread(rng: Random, table: Table) -> Draft:
    """The difference between the extremes."""
    column = measure(rng, table)
    most, least = column.extremes
    question = say(
        rng,
        "What is the difference between the {most} and {least} {one} of {rows}?",
        "By how much does the {most} {one} of {rows} exceed the {least}?",
        most=most,
        least=least,
        one=column.one,
        rows=table.many,
    )
    return Draft(question, f"SELECT MAX({column.name}) - MIN({column.name}) FROM {table.name}", (column,))


def group_count(rng: Random, table: Table) -> Draft:
    """The number of rows per group."""
    group = grouping(rng, table)
    question = say(
        rng,
        "How many {rows} are there for each {group}?",
        "For each {group}, how many {rows} are there?",
        "List each {group} with its number of {rows}.",
        "Show every {group} and the number of {rows}.",
        rows=table.many,
        group=group.one,
    )
    sql = f"SELECT {group.name}, COUNT(*) FROM {table.name} GROUP BY {group.name}"
    return Draft(question, sql, (group,))


def group_aggregate(rng: Random, table: Table) -> Draft:
    """An aggregate per group."""
    group, column = rng.choice(table.texts), measure(rng, table)
    word, sql = aggregate(rng, column)
    question = say(
        rng,
        "What is the {word} {one} of {rows} for each {group}?",
        "For each {group}, find the {word} {one} of {rows}.",
        "List each {group} with the {word} {one} of the {rows}.",
        word=word,
        one=column.one,
        rows=table.many,
        group=group.one,
    )
    sql = f"SELECT {group.name}, {sql} FROM {table.name} GROUP BY {group.name}"
    return Draft(question, sql, (group, column))


def group_order(rng: Random, table: Table) -> Draft:
    """The number of rows per group, in order of that number."""
    group = rng.choice(table.texts)
    words, tail = rng.choice((("most", " DESC"), ("fewest", "")))
    question = say(
        rng,
        "List each {group} with its number of {rows}, {words} first.",
        "Show every {group} and the number of {rows}, starting with the {words}.",
        rows=table.many,
        group=group.one,
        words=words,
    )
    sql = f"SELECT {group.name}, COUNT(*) FROM {table.name} GROUP BY {group.name} ORDER BY COUNT(*){tail}"
    return Draft(question, sql, (group,))


def group_top(rng: Random, table: Table) -> Draft:
    """The group with the most or the fewest rows, or with the extreme average."""
    group = rng.choice(table.texts)
    start = f"SELECT {group.name} FROM {table.name} GROUP BY {group.name} ORDER BY"
    top = rng.random() < 0.5
    tail = f"{' DESC' if top else ''} LIMIT 1"
    if rng.random() < 0.6:
        templates = "Which {group} has the {most} {rows}?", "Find the {group} with the {most} {rows}."
        parts = {"group": group.one, "rows": table.many, "most": "most" if top else "fewest"}
        return Draft(say(rng, *templates, **parts), f"{start} COUNT(*){tail}", (group,))
    column = measure(rng, table)
    question = say(
        rng,
        "Which {group} has the {most} average {one} of {rows}?",
        "Find the {group} whose {rows} have the {most} average {one}.",
        group=group.one,
        rows=table.many,
        most="highest" if top else "lowest",
        one=column.one,
    )
    return Draft(question, f"{start} AVG({column.name}){tail}", (group, column))


def limit_on_count(rng: Random, signs: Sequence[str] = (">", ">=", "<")) -> tuple[str, str]:
    """The words and the SQL that limit a number of rows."""
    count, sign = rng.randint(2, 6), rng.choice(signs)
    word = {">": "more than", ">=": "at least", "<": "fewer than"}[sign]
    return f"{word} {count}", f"COUNT(*) {sign} {count}"


def having_count(rng: Random, table: Table) -> Draft:
    """Groups with many or few rows."""
    group = rng.choice(table.texts)
    words, sql = limit_on_count(rng)
    question = say(
        rng,
        "Which {groups} have {words} {rows}?",
        "List the {groups} with {words} {rows}.",
        "Show every {group} that has {words} {rows}.",
        groups=group.many,
        group=group.one,
        words=words,
        rows=table.many,
    )
    sql = f"SELECT {group.name} FROM {table.name} GROUP BY {group.name} HAVING {sql}"
    return Draft(question, sql, (group,))


def having_average(rng: Random, table: Table) -> Draft:
    """Groups with a high or low average."""
    group, column = rng.choice(table.texts), measure(rng, table)
    value = figure(rng, column)
    word, sign = rng.choice((("above", ">"), ("below", "<")))
    question = say(
        rng,
        "Which {groups} have {rows} with an average {one} {word} {value}?",
        "List the {groups} whose {rows} have an average {one} {word} {value}.",
        "Show every {group} where the average {one} of {rows} is {word} {value}.",
        groups=group.many,
        group=group.one,
        rows=table.many,
        one=column.one,
        word=word,
        value=f"{value}{column.unit}",
    )
    having = f"AVG({column.name}) {sign} {value}"
    sql = f"SELECT {group.name} FROM {table.name} GROUP BY {group.name} HAVING {having}"
    return Draft(question, sql, (group, column))


def order_by(rng: Random, table: Table) -> Draft:
    """All labels in the order of a column."""
    column: Column = rng.choice(table.numbers) if rng.random() < 0.8 else table.label
    if isinstance(column, Text):
        ways = [("in alphabetical order", ""), ("in reverse alphabetical order", " DESC")]
    else:
        most, least = column.extremes
        ways = [(f"ordered by {column.one}", ""), (f"from {least} to {most} {column.one}", "")]
        ways += [
            (f"sorted by descending {column.one}", " DESC"),
            (f"from {most} to {least} {column.one}", " DESC"),
        ]
    words, tail = rng.choice(ways)
    question = say(
        rng,
        "List the {many} of all {rows} {words}.",
        "Show the {many} of the {rows} {words}.",
        "What are the {many} of {rows} {words}?",
        many=table.label.many,
        rows=table.many,
        words=words,
    )
    sql = f"SELECT {table.label.name} FROM {table.name} ORDER BY {column.name}{tail}"
    return Draft(question, sql, (table.label, *([] if column == table.label else [column])))


def superlative(rng: Random, table: Table) -> tuple[Number, str, str, str]:
    """A number, its superlative before the noun or else after it, and the ORDER BY that goes with it."""
    column = rng.choice(table.numbers)
    top = rng.random() < 0.6
    word = column.most if top else column.least
    order = f"ORDER BY {column.name}{' DESC' if top else ''}"
    if word and rng.random() < 0.6:
        return column, word, "", order
    return column, "", f"with the {column.extremes[0 if top else 1]} {column.one}", order


def order_first(rng: Random, table: Table) -> Draft:
    """The label of the extreme row."""
    column, before, after, order = superlative(rng, table)
    which = "Which {row} has {extreme}?" if after else "Which is the {before} {row}?"
    question = say(
        rng,
        "What is the {one} of the {before} {row} {after}?",
        "Find the {one} of the {before} {row} {after}.",
        "Give the {one} of the {before} {row} {after}.",
        *([which] * 2 if table.called else []),
        one=table.label.one,
        row=table.one,
        before=before,
        after=after,
        extreme=after.removeprefix("with "),
    )
    sql = f"SELECT {table.label.name} FROM {table.name} {order} LIMIT 1"
    return Draft(question, sql, (table.label, column))


def order_limit(rng: Random, table: Table) -> Draft:
    """The labels of several rows at one end."""
    column, before, after, order = superlative(rng, table)
    count = rng.choice((2, 3, 4, 5, 10))
    question = say(
        rng,
        "List the {many} of the {count} {before} {rows} {after}.",
        "What are the {many} of the {count} {before} {rows} {after}?",
        "Show the {many} of the {count} {before} {rows} {after}.",
        many=table.label.many,
        rows=table.many,
        count=count,
        before=before,
        after=after,
    )
    sql = f"SELECT {table.label.name} FROM {table.name} {order} LIMIT {count}"
    return Draft(question, sql, (table.label, column))


def order_where(rng: Random, table: Table) -> Draft:
    """The extreme row among those with a value."""
    where = equal(rng, rng.choice(table.texts))
    column = rng.choice(table.numbers)
    top = rng.random() < 0.6
    question = say(
        rng,
        "Among {rows} {clause}, what is the {one} of the one with the {most} {number}?",
        "Of the {rows} {clause}, give the {one} of the one with the {most} {number}.",
        rows=table.many,
        clause=where.phrase,
        one=table.label.one,
        most=column.extremes[0 if top else 1],
        number=column.one,
    )
    order = f"ORDER BY {column.name}{' DESC' if top else ''} LIMIT 1"
    sql = f"SELECT {table.label.name} FROM {table.name} WHERE {where.sql} {order}"
    return Draft(question, sql, (table.label, where.column, column))


def subquery_average(rng: Random, table: Table) -> Draft:
    """Rows above or below the average."""
    column = measure(rng, table)
    word, sign = rng.choice((("above", ">"), ("below", "<")))
    phrase = rng.choice((f"with {a(column.one)} {word} the average", f"with {a(word)}-average {column.one}"))
    inner = f"(SELECT AVG({column.name}) FROM {table.name})"
    where = Condition(column, f"{column.name} {sign} {inner}", phrase)
    sql = f"SELECT {table.label.name} FROM {table.name} WHERE {where.sql}"
    return Draft(listing(rng, table, [table.label], where), sql, (table.label, column))


def subquery_extreme(rng: Random, table: Table) -> Draft:
    """Rows beyond every row with a value."""
    column, other = measure(rng, table), equal(rng, rng.choice(table.texts))
    more, less = column.comparatives
    word, sign, function = rng.choice(((more, ">", "MAX"), (less, "<", "MIN")))
    phrase = f"with a {word} {column.one} than every {table.one} {other.phrase}"
    inner = f"(SELECT {function}({column.name}) FROM {table.name} WHERE {other.sql})"
    where = Condition(column, f"{column.name} {sign} {inner}", phrase)
    sql = f"SELECT {table.label.name} FROM {table.name} WHERE {where.sql}"
    return Draft(listing(rng, table, [table.label], where), sql, (table.label, other.column, column))


def subquery_row(rng: Random, table: Table) -> Draft:
    """Rows with more or less than the row with a given label."""
    column, value = measure(rng, table), rng.choice(table.label.values)
    word, sign = rng.choice(tuple(zip(column.comparatives, "><", strict=True)))
    reference = the_row(table, value)
    inner = f"(SELECT {column.name} FROM {table.name} WHERE {table.label.name} = {quoted(value)})"
    where = Condition(column, f"{column.name} {sign} {inner}", f"with a {word} {column.one} than {reference}")
    sql = f"SELECT {table.label.name} FROM {table.name} WHERE {where.sql}"
    return Draft(listing(rng, table, [table.label], where), sql, (table.label, column))


def intersect(rng: Random, table: Table) -> Draft:
    """Groups with rows on both sides of two limits."""
    group, column = rng.choice(table.texts), measure(rng, table)
    low, high = sorted((figure(rng, column), figure(rng, column)))
    over, under = rng.choice(comparisons(column, ">")), rng.choice(comparisons(column, "<"))
    question = say(
        rng,
        "Which {groups} have both {rows} {over} and {rows} {under}?",
        "List the {groups} that have both {rows} {over} and {rows} {under}.",
        groups=group.many,
        rows=table.many,
        over=over.format(high),
        under=under.format(low),
    )
    half = f"SELECT {group.name} FROM {table.name} WHERE {column.name}"
    return Draft(question, f"{half} > {high} INTERSECT {half} < {low}", (group, column))


# --- shapes over a parent table (T1) and its child table (T2) --------------------------------------------


def of_named(rng: Random, link: Link) -> Condition:
    """The children of the parent with a given label."""
    value = rng.choice(link.parent.label.values)
    sql = f"T1.{link.parent.label.name} = {quoted(value)}"
    return Condition(link.parent.label, sql, link.named.format(value), link.be)


def of_parents(rng: Random, link: Link) -> Condition:
    """The children of the parents that meet a condition, or of the one with a given label."""
    if rng.random() < 0.4:
        return of_named(rng, link)
    where = restricted(rng, link.parent, "T1.")
    return replace(where, phrase=f"{link.via} {where.phrase}", be=link.be)


def join_where(rng: Random, link: Link) -> Draft:
    """Labels of the children of certain parents."""
    where, child = of_parents(rng, link), link.child
    sql = f"SELECT T2.{child.label.name} FROM {link.source} WHERE {where.sql}"
    return Draft(listing(rng, child, [child.label], where), sql, (where.column,), (child.label,))


def join_where_and(rng: Random, link: Link) -> Draft:
    """Labels of the children of a named parent that meet a condition."""
    first, second, child = of_named(rng, link), restricted(rng, link.child, "T2."), link.child
    question = listing(rng, child, [child.label], joined(first.phrase, second.phrase))
    sql = f"SELECT T2.{child.label.name} FROM {link.source} WHERE {first.sql} AND {second.sql}"
    return Draft(question, sql, (first.column,), (child.label, second.column))


def join_pairs(rng: Random, link: Link) -> Draft:
    """Every child with its parent."""
    parent, child = link.parent, link.child
    column = rng.choice([parent.label, parent.label, *parent.texts])
    question = say(
        rng,
        "Show the {one} of every {row} and the {other} of {its} {parent}.",
        "List the {one} of each {row} with the {other} of {its} {parent}.",
        "For every {row}, give the {one} and the {other} of {its} {parent}.",
        one=child.label.one,
        row=child.one,
        other=column.one,
        its=child.its,
        parent=parent.one,
    )
    return Draft(
        question,
        f"SELECT T2.{child.label.name}, T1.{column.name} FROM {link.source}",
        (column,),
        (child.label,),
    )


def join_lookup(rng: Random, link: Link) -> Draft:
    """A column of the parent of the child with a given label."""
    parent, child = link.parent, link.child
    column, value = rng.choice(parent.columns), rng.choice(child.label.values)
    question = say(
        rng,
        "What is the {one} of the {parent} of {row}?",
        "Find the {one} of the {parent} of {row}.",
        one=column.one,
        parent=parent.one,
        row=the_row(child, value),
    )
    sql = f"SELECT T1.{column.name} FROM {link.source} WHERE T2.{child.label.name} = {quoted(value)}"
    return Draft(question, sql, (column,), (child.label,))


def join_count(rng: Random, link: Link) -> Draft:
    """The number of children of certain parents."""
    where = of_parents(rng, link)
    question = say(
        rng,
        "How many {rows} {predicate}?",
        "Count the {rows} {clause}.",
        "What is the number of {rows} {clause}?",
        rows=link.child.many,
        clause=where.phrase,
        predicate=where.predicate,
    )
    return Draft(question, f"SELECT COUNT(*) FROM {link.source} WHERE {where.sql}", (where.column,))


def join_aggregate(rng: Random, link: Link) -> Draft:
    """An aggregate over the children of certain parents."""
    where, column = of_parents(rng, link), rng.choice(link.child.numbers)
    word, sql = aggregate(rng, column, "T2.")
    question = say(
        rng,
        "What is the {word} {one} of {rows} {clause}?",
        "Find the {word} {one} of all {rows} {clause}.",
        word=word,
        one=column.one,
        rows=link.child.many,
        clause=where.phrase,
    )
    return Draft(question, f"SELECT {sql} FROM {link.source} WHERE {where.sql}", (where.column,), (column,))


def per_parent(rng: Random, link: Link, amount_of: str, tail: str = "") -> str:
    """The question for each parent's label with an amount of its children."""
    return say(
        rng,
        "List the {one} of each {parent} with {amount}{tail}.",
        "Show the {one} of every {parent} and {amount}{tail}.",
        "For each {parent}, give the {one} and {amount}{tail}.",
        one=link.parent.label.one,
        parent=link.parent.one,
        amount=amount_of,
        tail=tail,
    )


def join_group_count(rng: Random, link: Link) -> Draft:
    """The number of children per parent."""
    name = f"T1.{link.parent.label.name}"
    question = per_parent(rng, link, f"the number of {link.parent.its} {link.child.many}")
    return Draft(question, f"SELECT {name}, COUNT(*) FROM {link.source} GROUP BY {name}", (link.parent.label,))


def join_group_aggregate(rng: Random, link: Link) -> Draft:
    """An aggregate over the children per parent."""
    name, column = f"T1.{link.parent.label.name}", rng.choice(link.child.numbers)
    word, sql = aggregate(rng, column, "T2.")
    question = per_parent(rng, link, f"the {word} {column.one} of {link.parent.its} {link.child.many}")
    sql = f"SELECT {name}, {sql} FROM {link.source} GROUP BY {name}"
    return Draft(question, sql, (link.parent.label,), (column,))


def left_join_count(rng: Random, link: Link) -> Draft:
    """The number of children per parent, down to none."""
    name = f"T1.{link.parent.label.name}"
    amount_of = f"the number of {link.parent.its} {link.child.many}"
    question = per_parent(rng, link, amount_of, f", including {link.parent.many} with none")
    source = link.source.replace(" JOIN ", " LEFT JOIN ")
    return Draft(question, f"SELECT {name}, COUNT(T2.{link.ref}) FROM {source} GROUP BY {name}", (link.parent.label,))


def join_having(rng: Random, link: Link) -> Draft:
    """Parents with many children; "few" would have to count those with none, which a plain join drops."""
    parent, name = link.parent, f"T1.{link.parent.label.name}"
    words, having = limit_on_count(rng, (">", ">="))
    question = say(
        rng,
        "Which {parents} have {words} {rows}?",
        "List the {many} of {parents} with {words} {rows}.",
        "Find the {many} of all {parents} {that} have {words} {rows}.",
        parents=parent.many,
        many=parent.label.many,
        that=parent.that,
        words=words,
        rows=link.child.many,
    )
    return Draft(question, f"SELECT {name} FROM {link.source} GROUP BY {name} HAVING {having}", (parent.label,))


def join_top(rng: Random, link: Link) -> Draft:
    """The parent with the most children, or with the extreme total or average of theirs."""
    parent, name, top = link.parent, f"T1.{link.parent.label.name}", rng.random() < 0.6
    column = measure(rng, link.child) if rng.random() < 0.5 else None
    if column is None:
        top, words, key = True, f"the most {link.child.many}", "COUNT(*)"
    else:
        word, function = ("total", "SUM") if column.total and rng.random() < 0.6 else ("average", "AVG")
        words = f"the {'highest' if top else 'lowest'} {word} {column.one} of {link.child.many}"
        key = f"{function}(T2.{column.name})"
    templates = "Which {parent} has {words}?", "Find the {one} of the {parent} with {words}."
    question = say(rng, *templates, parent=parent.one, one=parent.label.one, words=words)
    sql = f"SELECT {name} FROM {link.source} GROUP BY {name} ORDER BY {key}{' DESC' if top else ''} LIMIT 1"
    return Draft(question, sql, (parent.label,), (column,) if column else ())


def join_order(rng: Random, link: Link) -> Draft:
    """The children of a named parent at one end of an order."""
    where, child = of_named(rng, link), link.child
    column, count, top = rng.choice(child.numbers), rng.choice((1, 1, 2, 3, 5)), rng.random() < 0.6
    question = say(
        rng,
        "Of the {rows} {clause}, {ask} with the {most} {number}.",
        "Among {rows} {clause}, {ask} with the {most} {number}.",
        rows=child.many,
        clause=where.phrase,
        ask=f"find the {child.label.one} of the one" if count == 1 else f"list the {child.label.many} of the {count}",
        most=column.extremes[0 if top else 1],
        number=column.one,
    )
    order = f"ORDER BY T2.{column.name}{' DESC' if top else ''} LIMIT {count}"
    sql = f"SELECT T2.{child.label.name} FROM {link.source} WHERE {where.sql} {order}"
    return Draft(question, sql, (where.column,), (child.label, column))


def exists(rng: Random, link: Link) -> Draft:
    """Parents with a child that meets a condition."""
    parent, where = link.parent, restricted(rng, link.child, "T2.")
    question = say(
        rng,
        "Which {parents} have at least one {row} {clause}?",
        "List the {many} of {parents} with at least one {row} {clause}.",
        parents=parent.many,
        many=parent.label.many,
        row=link.child.one,
        clause=where.phrase,
    )
    sql = related(link, "EXISTS", f" AND {where.sql}")
    return Draft(question, sql, (parent.label,), (where.column,))


def not_exists(rng: Random, link: Link) -> Draft:
    """Parents without a child, or without one that meets a condition."""
    parent = link.parent
    where = restricted(rng, link.child, "T2.") if rng.random() < 0.3 else None
    question = say(
        rng,
        "Which {parents} have no {rows} {clause}?",
        "List the {many} of {parents} {that} have no {rows} {clause}.",
        "Find the {many} of all {parents} without {rows} {clause}.",
        parents=parent.many,
        many=parent.label.many,
        rows=link.child.many,
        that=parent.that,
        clause=where.phrase if where else "",
    )
    sql = related(link, "NOT EXISTS", f" AND {where.sql}" if where else "")
    return Draft(question, sql, (parent.label,), (where.column,) if where else ())


def related(link: Link, word: str, tail: str) -> str:
    """The labels of parents for which there is a child, or none."""
    inner = f"SELECT * FROM {link.child.name} AS T2 WHERE T1.{link.key} = T2.{link.ref}{tail}"
    return f"SELECT T1.{link.parent.label.name} FROM {link.parent.name} AS T1 WHERE {word} ({inner})"


SINGLE: tuple[Callable[[Random, Table], Draft], ...] = (
    select_columns,
    lookup,
    where_equal,
    where_not_equal,
    where_compare,
    where_bound,
    where_between,
    where_like,
    where_in,
    where_null,
    where_and,
    where_or,
    count_rows,
    count_distinct,
    select_distinct,
    aggregate_all,
    aggregate_where,
    two_aggregates,
    spread,
    group_count,
    group_aggregate,
    group_order,
    group_top,
    having_count,
    having_average,
    order_by,
    order_first,
    order_limit,
    order_where,
    subquery_average,
    subquery_extreme,
    subquery_row,
    intersect,
)
JOINED: tuple[Callable[[Random, Link], Draft], ...] = (
    join_where,
    join_where_and,
    join_pairs,
    join_lookup,
    join_count,
    join_aggregate,
    join_group_count,
    join_group_aggregate,
    left_join_count,
    join_having,
    join_top,
    join_order,
    exists,
    not_exists,
)
SHAPES = tuple(shape.__name__ for shape in (*SINGLE, *JOINED))


# --- rows ------------------------------------------------------------------------------------------------


def create(
    rng: Random, table: Table, used: Sequence[Column], key: str = "", sizes: Sequence[int] = (2, 2, 3, 3, 4)
) -> str:
    """The CREATE TABLE statement with the columns used, some others, and the key of a link."""
    needed = list(dict.fromkeys(used))
    others = [column for column in table.columns if column not in needed]
    spare = rng.choice(sizes) - len(needed) - bool(key)
    chosen = needed + rng.sample(others, max(0, min(spare, len(others))))
    rng.shuffle(chosen)
    columns = [f"{key} INTEGER"] * bool(key) + [f"{column.name} {column.kind}" for column in chosen]
    return f"CREATE TABLE {table.name} ({', '.join(columns)})"


def single_row(rng: Random, shape: Callable[[Random, Table], Draft]) -> Row:
    """A row over one table."""
    table = rng.choice(TABLES)
    draft = shape(rng, table)
    return finished(draft, create(rng, table, draft.used))


def joined_row(rng: Random, shape: Callable[[Random, Link], Draft]) -> Row:
    """A row over a parent table and its child table, in this order."""
    link = rng.choice(LINKS)
    draft, sizes = shape(rng, link), (2, 2, 2, 3)
    parent = create(rng, link.parent, draft.used, link.key, sizes)
    child = create(rng, link.child, draft.used_child, link.ref, sizes)
    return finished(draft, f"{parent};\n{child}")


def finished(draft: Draft, context: str) -> Row:
    """The row that is written."""
    question = draft.question[0].upper() + draft.question[1:]
    return {"question": question, "context": context, "answer": f"[SQL] {draft.sql} [/SQL]"}


def examples(seed: int = SEED) -> Iterator[tuple[str, Row]]:
    """Rows with the names of their shapes, each shape once per round; no question and context come twice.

    Ends when the words are exhausted, that is when a whole round brings nothing new.
    """
    rng = Random(seed)
    seen: set[tuple[str, str]] = set()
    shapes = [(shape.__name__, single_maker(shape)) for shape in SINGLE]
    shapes += [(shape.__name__, joined_maker(shape)) for shape in JOINED]
    fresh = True
    while fresh:
        fresh = False
        for name, make in rng.sample(shapes, len(shapes)):
            row = unseen(rng, make, seen)
            if row is not None:
                fresh = True
                yield name, row


def single_maker(shape: Callable[[Random, Table], Draft]) -> Callable[[Random], Row]:
    """The maker of a shape's rows."""
    return lambda rng: single_row(rng, shape)


def joined_maker(shape: Callable[[Random, Link], Draft]) -> Callable[[Random], Row]:
    """The maker of a shape's rows."""
    return lambda rng: joined_row(rng, shape)


def unseen(rng: Random, make: Callable[[Random], Row], seen: set[tuple[str, str]]) -> Row | None:
    """A row that has not been seen, which it then has; None if there seems to be none left."""
    for _ in range(TRIES):
        row = make(rng)
        key = (row["question"], row["context"])
        if key not in seen:
            seen.add(key)
            return row
    return None


def subsample(rows: Sequence[tuple[str, Row]], count: int = SUBSAMPLE_ROWS) -> list[tuple[str, Row]]:
    """Short rows of every shape, over tables and with openings that have been used least so far."""
    by_shape = {shape: [row for name, row in rows if name == shape] for shape in SHAPES}
    order = sorted(SHAPES, key=lambda shape: min(length(row) for row in by_shape[shape]))
    tables, openings = Counter[str](), Counter[str]()
    chosen: list[tuple[str, Row]] = []
    while len(chosen) < count:
        for shape in order[: count - len(chosen)]:
            row = min(by_shape[shape], key=lambda row: (tables[created(row)], openings[opening(row)], length(row)))
            by_shape[shape].remove(row)
            tables[created(row)] += 1
            openings[opening(row)] += 1
            chosen.append((shape, row))
    return chosen


def length(row: Row) -> int:
    """The characters of a row."""
    return sum(map(len, row.values()))


def created(row: Row) -> str:
    """The name of the row's last table."""
    return row["context"].rpartition("CREATE TABLE ")[2].split()[0]


def opening(row: Row) -> str:
    """The first two words of the question."""
    return " ".join(row["question"].split()[:2])


def write(path: Path, rows: Iterable[tuple[str, Row]]) -> None:
    """One JSON object per line."""
    lines = [json.dumps(row, ensure_ascii=False) + "\n" for _, row in rows]
    path.write_bytes("".join(lines).encode())


def main(arguments: Sequence[str] | None = None) -> None:
    """Write the two files, or with --out one file of any number of rows."""
    parser = argparse.ArgumentParser(description="Write the text-to-SQL sample data.")
    parser.add_argument("--rows", type=int, default=ROWS, help="rows to write to --out (default %(default)s)")
    parser.add_argument("--out", type=Path, help="write this file only, instead of the two next to the script")
    options = parser.parse_args(arguments)
    if options.out is None and options.rows != ROWS:
        parser.error("--rows needs --out")
    rows = list(islice(examples(), options.rows))
    if len(rows) < options.rows:
        parser.error(f"there are only {len(rows)} distinct rows")
    if options.out is not None:
        write(options.out, rows)
        return
    here = Path(__file__).parent
    write(here / "sqlqa.jsonl", rows)
    write(here / "sqlqa.subsample.jsonl", subsample(rows))


if __name__ == "__main__":
    main()
