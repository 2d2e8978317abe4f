"""Errors of the GenICam binding as one line."""

_PRODUCERS_WORDS = "(Message from the source: "


def one_line(error: Exception) -> str:
    """The producer's own message, else the binding's, without line breaks.

    >>> one_line(RuntimeError("no\\n  answer"))
    'no answer'
    """
    text = " ".join(str(error).split())
    _, found, message = text.partition(_PRODUCERS_WORDS)
    return message.rpartition(") (ID:")[0] if found else text
