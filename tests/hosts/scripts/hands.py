# SPDX-License-Identifier: Apache-2.0
"""An artist's hands: simulated mouse and keys, one step at a time; needs a window.

Blender is started with ``--enable-event-simulate``. A story is a generator; what it yields is
waited for: seconds, or a function that becomes true.
"""

import os
import sys
import time
import traceback
from contextlib import contextmanager, nullcontext

import bpy

PATIENCE = 200.0  # seconds for one step
drawn = set()


def play(story):
    """Goes on with a story whenever what it waits for is so; ends Blender with it."""
    waits = {"for": lambda: True, "since": time.monotonic()}

    def turn():
        try:
            if not waits["for"]():
                late = time.monotonic() - waits["since"] > PATIENCE
                assert not late, f"the story does not go on: {place_in(story)}"
                return 0.02
            wanted = next(story, None)
            if wanted is None:
                bpy.ops.wm.quit_blender()
                return None
            waits["since"] = time.monotonic()
            waits["for"] = wanted if callable(wanted) else after(wanted)
        except Exception:
            fail()
        return 0.02

    bpy.app.timers.register(turn, first_interval=1.0, persistent=True)


def place_in(story):
    """Function and line that a story is at."""
    while story.gi_yieldfrom is not None:
        story = story.gi_yieldfrom
    return f"{story.gi_code.co_name}, line {story.gi_frame.f_lineno}"


def after(seconds):
    """True once they have gone by."""
    end = time.monotonic() + seconds
    return lambda: time.monotonic() > end


def fail():
    """Ends Blender, whatever it is doing."""
    traceback.print_exc()
    sys.stdout.flush()
    os._exit(1)


def window():
    """The only one."""
    return bpy.context.window_manager.windows[0]


def editor():
    """The clip editor's area and its region with the plate."""
    area = next(area for area in window().screen.areas if area.type == "CLIP_EDITOR")
    return area, next(region for region in area.regions if region.type == "WINDOW")


@contextmanager
def in_editor():
    """Overrides the context, so that operators act in the clip editor."""
    area, region = editor()
    with quiet(), bpy.context.temp_override(window=window(), area=area, region=region):
        yield


def quiet():
    """Blender itself would crash, were a thread of the add-on at work in an overridden context."""
    found = [module for name, module in sys.modules.items() if name.endswith("_blender.quiet")]
    return found[0].paused() if found else nullcontext()


def at(pictures, x, y):
    """Where a pixel of the plate (from its top left) is in the window."""
    area, region = editor()
    place, (width, height) = pictures.place_of(region), area.spaces.active.clip.size
    across, up = place.width / width, place.height / height
    left = region.x + place.left + x * across
    return round(left), round(region.y + place.bottom + place.height - y * up)


def event(kind, value, where, **keys):
    window().event_simulate(type=kind, value=value, x=int(where[0]), y=int(where[1]), **keys)


def move(where, **keys):
    event("MOUSEMOVE", "NOTHING", where, **keys)


def click(where, button="LEFTMOUSE"):
    move(where)
    event(button, "PRESS", where)
    event(button, "RELEASE", where)


def key(kind, where, text="", **keys):
    """Presses and lets go of a key with the mouse somewhere."""
    event(kind, "PRESS", where, unicode=text, **keys)
    event(kind, "RELEASE", where, **keys)


def drag(places, **keys):
    """A stroke with the left button; steps of a story."""
    move(places[0], **keys)
    yield 0.02
    event("LEFTMOUSE", "PRESS", places[0], **keys)
    yield 0.02
    for place in places[1:]:
        move(place, **keys)
        yield 0.02
    event("LEFTMOUSE", "RELEASE", places[-1], **keys)
    yield 0.02


def search(words, where, settled=0.4):
    """Blender's own search, by F3; steps of a story."""
    move(where)
    yield 0.1
    key("F3", where)
    yield 0.5
    for letter in words:
        kind = "SPACE" if letter == " " else letter.upper()
        key(kind, where, text=letter)
        yield 0.05
    yield 0.4
    key("RET", where)
    yield settled


def open_tab(wanted, panel):
    """Clicks down the tabs of the sidebar until a panel is drawn; steps of a story.

    Args:
        wanted: told by `watch_draw`.
        panel: a panel's class.
    """
    area, _ = editor()
    side = next(region for region in area.regions if region.type == "UI")
    inner = panel.draw

    def noted(self, context):
        drawn.add(wanted)
        inner(self, context)

    panel.draw = noted
    for below in range(20, side.height, 25):
        click((side.x + side.width - 10, side.y + side.height - below))
        yield 0.3
        if wanted in drawn:
            break
    assert wanted in drawn, "there is no such tab"
    panel.draw = inner


def press_first(panel):
    """Clicks a panel's first button, in a tab of its own for that time; steps of a story."""
    area, _ = editor()
    side = next(region for region in area.regions if region.type == "UI")
    kept = panel.bl_category
    in_category(panel, "Alone")
    yield 0.3
    yield from open_tab(panel.__name__, panel)
    place = side.x + side.width * 0.3, side.y + side.height - 50
    move(place)
    yield 0.3  # Blender 5.2 does not press a button that the mouse has just come to
    click(place)
    yield 0.3
    in_category(panel, kept)
    yield 0.3
    yield from open_tab(f"{panel.__name__} again", panel)


def in_category(panel, name):
    """Puts a panel into a tab."""
    bpy.utils.unregister_class(panel)
    panel.bl_category = name
    bpy.utils.register_class(panel)
    for area in window().screen.areas:
        area.tag_redraw()
