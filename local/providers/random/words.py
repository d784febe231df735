"""The words of RandomPet."""

from __future__ import annotations

_ADVERBS = """
openly boldly calmly duly early easily fairly freely gently gladly highly justly kindly mainly neatly
oddly partly purely rarely really safely simply slowly smoothly softly solely strongly surely truly vastly
"""
_ADJECTIVES = """
able active amazed brave bright busy calm clever cosmic crisp eager fancy fast fond fresh frank gentle glad
golden grand happy honest ideal keen kind lively loyal lucky merry mighty modest native neat noble open patient
polite prime proud quick quiet rapid ready sharp simple smart smooth solid steady strong sunny sweet tidy tough wise witty
"""
_ANIMALS = """
badger bass bat bear beetle bison boar buck camel cat cobra cod crab crane cricket crow deer dog dove duck eagle
eel elk falcon finch fox frog goat goose hare hawk hen heron horse ibex jackal kite koala lark lion llama lobster
lynx marten mole moose moth mouse newt otter owl ox panda perch pig pony puma quail rabbit ram raven robin seal
shark sheep shrew skunk snail sole stag swan tiger toad trout tuna turtle whale wolf wren yak zebra
"""
ADVERBS, ADJECTIVES, ANIMALS = (tuple(words.split()) for words in (_ADVERBS, _ADJECTIVES, _ANIMALS))
