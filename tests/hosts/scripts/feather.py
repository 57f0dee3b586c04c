# SPDX-License-Identifier: Apache-2.0
"""Feather and tracked points, against Blender's compositor: ``feather.py -- ZIP PLATE FOLDER``.

Every pixel is compared; none may be off by more than `TOLERANCE`. Nothing is rendered for them but
by the test, and for handles that no button makes so.
"""

import random
import sys
from pathlib import Path

import bpy
import numpy as np

sys.path.insert(0, str(Path(__file__).parent))
from by_compositor import by_compositor, circle
from feather_points import add_feather_points
from inside import arguments, draw_mask, in_mask, install, open_plate, part

TOLERANCE = 0.002
SEAMS = 40 if bpy.app.version >= (5, 1) else 0  # pixels that 5.2.2 loses between two triangles
SIZE, TALL = (90, 160), (160, 90)
FALLOFFS = ("SMOOTH", "SPHERE", "ROOT", "INVERSE_SQUARE", "SHARP", "LINEAR")


class Judge:
    """Compares masks at the frame that is shown."""

    def __init__(self, host_mask, folder):
        self.matte, self._folder = host_mask.matte_of_mask, folder
        self.compared = self.changed = 0

    def same(self, mask, size=SIZE, seams=0):
        """The add-on's matte, which is the compositor's but for pixels between two triangles."""
        frame = bpy.context.scene.frame_current
        mine, theirs = self.matte(mask, "", frame, size), by_compositor(mask, self._folder, size)
        off = abs(mine - theirs)
        wrong = (off > TOLERANCE).sum()
        assert wrong <= max(seams, SEAMS), (mask.name, off.max(), wrong)
        self.compared += 1
        return mine


def feathered(name, outline, weights, size=SIZE):
    """A mask with a polygon, and its points' feather in turn."""
    mask = bpy.data.masks.get(name)
    if mask is not None:
        bpy.data.masks.remove(mask)
    mask = draw_mask(name, outline, size)
    for index, point in enumerate(spline_of(mask).points):
        point.weight = weights[index % len(weights)]
    return mask


def spline_of(mask):
    return mask.layers["disc"].splines[0]


def bend(mask):
    """Rounds the outline."""
    points = list(spline_of(mask).points)
    for index, point in enumerate(points):
        along = (points[(index + 1) % len(points)].co - points[index - 1].co) / 6
        point.handle_left, point.handle_right = point.co - along, point.co + along


def of_every_kind(judge):
    """Falloffs, feather on both sides, curves, widths, blending; soft, and only where it is."""
    round_one = circle(80.13, 45.29, 25.17, 12)
    mask = feathered("round", round_one, (0.06,))
    hard = judge.matte(draw_mask("hard", round_one, SIZE), "", 7, SIZE)
    soft = judge.same(mask)
    assert (soft >= hard - 1e-6).all()
    assert ((soft > 0.1) & (soft < 0.9)).sum() > 3 * ((hard > 0.1) & (hard < 0.9)).sum()
    for falloff in FALLOFFS:
        mask.layers["disc"].falloff = falloff
        judge.same(mask)
    for direction in (1, -1):
        for bent in (False, True):
            kite = [(40.13, 45.21), (80.7, 20.3), (120.11, 45.77), (80.37, 75.29)][::direction]
            mask = feathered(f"kite {direction} {bent}", kite, (0.02, 0.05, 0.0, 0.08))
            if bent:
                bend(mask)
            for offset in ("EVEN", "SMOOTH"):
                for widths in ("EASE", "LINEAR"):
                    spline_of(mask).offset_mode = offset
                    spline_of(mask).weight_interpolation = widths
                    judge.same(mask)
    mask = feathered("tall", circle(40.3, 90.7, 27.3, 9), (0.01, 0.06), TALL)
    mask.layers["disc"].invert, mask.layers["disc"].alpha = True, 0.7
    judge.same(mask, TALL)
    judge.same(feathered("outside", circle(5.2, 88.1, 30.3), (0.05,)))


def lines(judge):
    """Open splines are filled or not; lines have feather on both sides, and round ends."""
    mask = feathered("open", [(40.2, 45.1), (80.3, 20.7), (120.9, 45.3)], (0.05, 0.02, 0.04))
    spline_of(mask).use_cyclic = False
    assert judge.same(mask).max() > 0.99
    for cyclic in (False, True):
        spline_of(mask).use_fill, spline_of(mask).use_cyclic = False, cyclic
        for offset in ("EVEN", "SMOOTH"):
            spline_of(mask).offset_mode = offset
            assert judge.same(mask)[33, 80] == 0  # would be inside
    for point in spline_of(mask).points:
        point.weight = 0
    assert judge.same(mask).max() > 0.5


def several(judge):
    """Splines of a layer count together, or cut each other out."""
    mask = feathered("several", circle(80.3, 45.2, 35.1, 12), (0.03,))
    for radius, x in ((15.2, 80.7), (6.1, 130.2)):
        inner = mask.layers["disc"].splines.new()
        inner.use_cyclic = True
        outline = circle(x, 45.6, radius, 12)[::-1]
        inner.points.add(len(outline) - 1)
        for point, at in zip(inner.points, outline):  # noqa: B905 - Blender has its own zip
            point.handle_left = point.co = point.handle_right = in_mask(*at, SIZE)
            point.weight = 0.02
    assert judge.same(mask)[45, 80] == 1
    mask.layers["disc"].use_fill_holes = True
    assert judge.same(mask)[45, 80] == 0


def at_random(judge):
    """Shapes that nobody thought of, with handles of all types."""
    chance = random.Random(4)
    for number in range(24):
        size = chance.choice((SIZE, TALL, (120, 120)))
        corners = chance.randint(3, 9)
        middle, radius = (size[1] / 2 + 0.37, size[0] / 2 - 0.41), chance.uniform(15, 40)
        outline = circle(*middle, radius, corners)[:: chance.choice((1, -1))]
        mask = feathered(f"random {number}", outline, [0.0], size)
        for point in spline_of(mask).points:
            point.co.x += chance.uniform(-0.02, 0.02)
            point.co.y += chance.uniform(-0.02, 0.02)
            point.handle_left = point.handle_right = point.co
            kind = chance.choice(("AUTO", "VECTOR", "FREE"))
            point.handle_left_type = point.handle_right_type = kind
            point.weight = chance.choice((0.0, chance.uniform(0, 0.08)))
        spline_of(mask).points[0].weight = 0.03
        spline_of(mask).offset_mode = chance.choice(("EVEN", "SMOOTH"))
        mask.layers["disc"].falloff = chance.choice(FALLOFFS)
        judge.same(mask, size)


def own_points(judge, clip):
    """Points of the feather itself: where they lie, how wide it is there, and none elsewhere."""
    wave = {0: [(0.2, 0.3), (0.5, 1.8), (0.81, 0.0)], 2: [(0.37, 2.5)], 3: [(0.6, 0.4), (0.7, 1.6)]}
    kite = [(40.13, 45.21), (80.7, 20.3), (120.11, 45.77), (80.37, 75.29)]
    for bent in (False, True):
        for direction, widths in ((1, (0.04,)), (1, (0.06, 0.0, 0.03, 0.05)), (-1, (0.05,))):
            mask = feathered(f"own points {bent} {widths}", kite[::direction], widths)
            add_feather_points(mask, clip, wave)
            if bent:
                bend(mask)
            spline = spline_of(mask)
            for spline.offset_mode in ("EVEN", "SMOOTH"):
                for spline.weight_interpolation in ("EASE", "LINEAR"):
                    judge.same(mask)
            spline.use_cyclic = False
            for spline.offset_mode in ("EVEN", "SMOOTH"):
                for spline.use_fill in (True, False):
                    judge.same(mask)


def own_points_at_random(judge, clip):
    """As many as there may be, in any order of their weights."""
    chance = random.Random(7)
    for number in range(12):
        corners = chance.randint(3, 7)
        outline = circle(80.37, 44.59, chance.uniform(15, 35), corners)[:: chance.choice((1, -1))]
        mask = feathered(f"own points {number}", outline, [chance.uniform(0.01, 0.06)])
        some = chance.sample(range(corners), chance.randint(1, corners))
        own = {
            index: [
                (u, chance.uniform(0, 2))
                for u in sorted(chance.uniform(0.02, 0.98) for _ in range(chance.randint(1, 4)))
            ]
            for index in some
        }
        add_feather_points(mask, clip, own)
        spline_of(mask).offset_mode = chance.choice(("EVEN", "SMOOTH"))
        judge.same(mask)


def shift(track, frame):
    return 0.004 * frame * (track + 1), -0.003 * frame


def with_tracks(clip):
    """Two tracks that go different ways, and a plane."""
    tracks, frames = clip.tracking.tracks, range(1, 26)
    for number, (x, y) in enumerate(((0.3, 0.5), (0.5, 0.6))):
        track = tracks.new(name=f"track {number}", frame=1)
        track.offset = 0.01 * number, 0.02
        for frame in frames:
            right, up = shift(number, frame)
            track.markers.insert_frame(frame, co=(x + right, y + up))
    for number, (x, y) in enumerate(((0.2, 0.2), (0.8, 0.2), (0.8, 0.8), (0.2, 0.8))):
        corner = tracks.new(name=f"corner {number}", frame=1)
        for frame in frames:
            aside, up = 0.004 * frame * (number - 1), -0.003 * frame * (number % 2)
            corner.markers.insert_frame(frame, co=(x + aside, y + up))
    for track in tracks:
        track.select = track.name.startswith("corner")
    window = bpy.context.window_manager.windows[0]
    area = window.screen.areas[0]
    area.type = "CLIP_EDITOR"
    space = area.spaces.active
    space.clip, space.mode = clip, "TRACKING"
    region = next(one for one in area.regions if one.type == "WINDOW")
    with bpy.context.temp_override(window=window, area=area, region=region):
        bpy.ops.clip.create_plane_track()


def tie(mask, clip, kind, names, every=1):
    """Ties points of a mask to tracks, in turn; Blender leaves the first one of a spline out."""
    for index, point in enumerate(spline_of(mask).points):
        if index % every == 0:
            point.parent.id, point.parent.type = clip, kind
            point.parent.parent = clip.tracking.objects[0].name
            point.parent.sub_parent = names[index % len(names)]


def tracked(judge, clip):
    """Points go where their tracks go, at any frame, with handles that Blender sets."""
    scene, plane = bpy.context.scene, clip.tracking.plane_tracks[0].name
    kinds = {"POINT_TRACK": ("track 0", "track 1"), "PLANE_TRACK": (plane,)}
    for start in (1, 4):
        clip.frame_start = start
        for kind, names in kinds.items():
            for handles in ("FREE", "AUTO", "VECTOR"):
                scene.frame_set(7)
                mask = feathered(f"{start} {kind} {handles}", circle(60.3, 45.2, 20.1, 8), (0.03,))
                for point in spline_of(mask).points:
                    point.handle_left_type = point.handle_right_type = handles
                tie(mask, clip, kind, names, every=3)
                judge.same(mask)
                ahead = judge.matte(mask, "", 20, SIZE)
                scene.frame_set(20)
                assert np.array_equal(judge.same(mask), ahead)
    scene.frame_set(7)
    clip.frame_start = 1


def tracked_hard(judge, clip):
    """Without feather they are as exact as other masks: as one that is drawn there."""
    height, width = SIZE
    mask = feathered("hard and tied", circle(60.3, 45.2, 20.1, 8), (0.0,))
    tie(mask, clip, "POINT_TRACK", ("track 1",))
    (x, y), (later_x, later_y) = shift(1, 7), shift(1, 20)
    right, down = (later_x - x) * width, (y - later_y) * height
    moved = circle(60.3 + right, 45.2 + down, 20.1, 8)
    moved[0] = circle(60.3, 45.2, 20.1, 8)[0]
    there = judge.matte(draw_mask("drawn there", moved, SIZE), "", 7, SIZE)
    assert abs(judge.matte(mask, "", 20, SIZE) - there).max() < 1e-3
    bpy.data.masks["hard and tied"].layers["disc"].splines[0].points[1].co.x += 0.05
    changed = judge.matte(mask, "", 7, SIZE)
    assert abs(changed - judge.matte(mask, "", 20, SIZE)).max() > 0.5


def untangled(judge):
    """Loops are taken out of the feather, on each side of a line by itself."""
    chance, some = random.Random(3), lambda middle: middle + chance.uniform(-8, 8)
    for number in range(16):
        notch = [(some(30), 15), (130, some(15)), (some(80), 50), (130, 80), (30, 80)]
        widths = chance.uniform(0.03, 0.15), chance.uniform(0.02, 0.1)
        mask = feathered(f"notched {number}", notch[:: chance.choice((1, -1))], widths)
        spline = spline_of(mask)
        spline.use_self_intersection_check = True
        spline.use_fill, spline.use_cyclic = number % 4 != 0, number % 3 != 0
        spline.offset_mode = chance.choice(("EVEN", "SMOOTH"))
        found = judge.same(mask, seams=2)
        spline.use_self_intersection_check = False
        judge.changed += abs(judge.matte(mask, "", 7, SIZE) - found).max() > 0.01
    assert judge.changed > 8, judge.changed


def mixed_handles(judge, clip):
    """One handle is Blender's, the other lies on a line with it."""
    scene = bpy.context.scene
    for left in ("AUTO", "VECTOR"):
        for right in ("ALIGNED", "ALIGNED_DOUBLESIDE"):
            scene.frame_set(7)
            mask = with_handles(f"{left} {right}", left, right, clip)
            scene.frame_set(20)
            judge.same(mask)
    scene.frame_set(7)


def with_handles(name, left, right, clip):
    """A mask that follows a track in part."""
    mask = feathered(name, circle(60.3, 45.2, 20.1, 8), (0.03,))
    bend(mask)
    for index, point in enumerate(spline_of(mask).points):
        point.handle_right = point.co + (point.handle_right - point.co) * (1 + index % 3 / 2)
        point.handle_left_type, point.handle_right_type = left, right
    tie(mask, clip, "POINT_TRACK", ("track 0", "track 1"), every=3)
    return mask


def left_to_blender(judge, clip, host_mask, render):
    """Handles that no button makes so: it is asked to render."""
    calls = []
    host_mask.rendered = lambda *arguments: calls.append(1) or render(*arguments)
    for right in ("FREE", "ALIGNED_DOUBLESIDE"):
        judge.same(with_handles(f"odd {right}", "ALIGNED", right, clip))
    assert calls == [1, 1]


def refuse(*_):
    raise AssertionError("nothing is to be rendered for this")


def main():
    archive, plate, folder = arguments()
    package = install(archive)
    host_mask = part(package, "host_mask")
    render, host_mask.rendered = host_mask.rendered, refuse
    judge, clip = Judge(host_mask, folder), open_plate(plate)
    bpy.context.scene.frame_set(7)
    of_every_kind(judge)
    lines(judge)
    several(judge)
    at_random(judge)
    untangled(judge)
    own_points(judge, clip)
    own_points_at_random(judge, clip)
    with_tracks(clip)
    tracked(judge, clip)
    tracked_hard(judge, clip)
    mixed_handles(judge, clip)
    left_to_blender(judge, clip, host_mask, render)
    assert judge.compared > 160, judge.compared


main()
