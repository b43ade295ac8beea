"""What a screen reader sees of RelayDesk, through AT-SPI: ``read``, or ``act ROLE NAME``.

Run by the system's Python, which has pyatspi; it knows nothing of this project.
"""

import json
import re
import sys

import pyatspi

#: A table may have many rows; deeper than this nothing is of interest.
_MOST = 4_000


def application():
    """RelayDesk, if it is there."""
    for one in pyatspi.Registry.getDesktop(0):
        if one is not None and one.name.lower() == "relaydesk":
            return one
    return None


def walk(top):
    """Every object below *top* that is shown."""
    waiting = [top]
    seen = 0
    while waiting and seen < _MOST:
        one = waiting.pop()
        seen += 1
        try:
            children = [child for child in one if child is not None]
            states = one.getState()
            is_shown = states.contains(pyatspi.STATE_SHOWING) or one.getRoleName() in (
                "application",
                "menu item",
            )
        except Exception:  # noqa: BLE001 - it went away while it was looked at
            continue
        if is_shown:
            yield one
        waiting += reversed(children)


def describe(one):
    """An object as JSON can say it."""
    try:
        box = one.queryComponent().getExtents(pyatspi.DESKTOP_COORDS)
        where = [box.x, box.y, box.width, box.height]
    except NotImplementedError:
        where = [0, 0, 0, 0]
    states = [pyatspi.stateToString(state) for state in one.getState().getStates()]
    return {"role": one.getRoleName(), "name": one.name, "states": states, "box": where}


def main():
    """Do what the arguments say."""
    top = application()
    if top is None:
        print("[]")
        return 0 if sys.argv[1] == "read" else 1
    if sys.argv[1] == "read":
        print(json.dumps([describe(one) for one in walk(top)]))
        return 0
    role, name = sys.argv[2:]
    for one in walk(top):
        if one.getRoleName() == role and re.fullmatch(name, one.name):
            return 0 if one.queryAction().doAction(0) else 1
    print(f"there is no {role} {name!r}", file=sys.stderr)
    return 1


sys.exit(main())
