"""Random characters with promised minimums, and the bcrypt hash the official provider keeps beside a password."""

from __future__ import annotations

import ctypes
import ctypes.util
import secrets
from dataclasses import dataclass

from local.providers.errors import BackendError

DIGITS = "0123456789"
LOWER = "abcdefghijklmnopqrstuvwxyz"
UPPER = LOWER.upper()
SPECIAL = "!@#$%&*()-_=+[]{}<>:?"  # the official provider's

BCRYPT_COST = 10  # golang.org/x/crypto/bcrypt.DefaultCost, which the official provider uses
BCRYPT_BYTES_AT_MOST = 72
CRYPT_DATA_BYTES = 32768  # sizeof(struct crypt_data) in libxcrypt's crypt.h
BCRYPT_ALPHABET = "./" + UPPER + LOWER + DIGITS


@dataclass(frozen=True)
class Characters:
    """What a random string consists of: which characters, and at least how many of each."""

    length: int
    upper: bool = True
    lower: bool = True
    numeric: bool = True
    special: bool = True
    min_upper: int = 0
    min_lower: int = 0
    min_numeric: int = 0
    min_special: int = 0
    override_special: str = ""

    @property
    def alphabet(self) -> str:
        """Every character that may occur."""
        parts = ((self.upper, UPPER), (self.lower, LOWER), (self.numeric, DIGITS), (self.special, self.specials))
        return "".join(characters for wanted, characters in parts if wanted)

    @property
    def specials(self) -> str:
        """The special characters, the program's own where it names some."""
        return self.override_special or SPECIAL

    @property
    def minimum(self) -> int:
        """How many characters the minimums promise together."""
        return self.min_upper + self.min_lower + self.min_numeric + self.min_special


def draw(wanted: Characters) -> str:
    """A random string: the promised minimums first, the rest from the whole alphabet, then shuffled."""
    minimums = ((wanted.min_upper, UPPER), (wanted.min_lower, LOWER), (wanted.min_numeric, DIGITS), (wanted.min_special, wanted.specials))
    drawn = [secrets.choice(characters) for count, characters in minimums for _ in range(count)]
    drawn += [secrets.choice(wanted.alphabet) for _ in range(wanted.length - len(drawn))]
    secrets.SystemRandom().shuffle(drawn)
    return "".join(drawn)


def bcrypt(text: str) -> str:
    """The bcrypt hash ($2a$, cost 10) of a text, by the system's libcrypt. Raises BackendError where that is missing."""
    library = ctypes.util.find_library("crypt") or "libcrypt.so.1"
    try:
        crypt_r = ctypes.CDLL(library).crypt_r
    except (OSError, AttributeError) as missing:
        raise BackendError(
            "A password's bcrypt hash cannot be made", why="this system has no libcrypt", remedy="apt-get install libcrypt1"
        ) from missing
    crypt_r.argtypes, crypt_r.restype = [ctypes.c_char_p, ctypes.c_char_p, ctypes.c_void_p], ctypes.c_char_p
    salt = "".join(secrets.choice(BCRYPT_ALPHABET) for _ in range(21)) + secrets.choice(".Oeu")  # 128 bits in 22 characters
    setting = f"$2a${BCRYPT_COST:02d}${salt}"
    data = ctypes.create_string_buffer(CRYPT_DATA_BYTES)
    hashed: bytes | None = crypt_r(text.encode()[:BCRYPT_BYTES_AT_MOST], setting.encode(), data)
    if not hashed or not hashed.startswith(b"$2a$"):
        raise BackendError("A password's bcrypt hash cannot be made", why=f"{library} knows no bcrypt", remedy="apt-get install libcrypt1")
    return hashed.decode()
