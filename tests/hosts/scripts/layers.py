# SPDX-License-Identifier: Apache-2.0
"""Mattes in the compositor and as clips: ``layers.py -- ZIP PLATE MOVIE FOLDER``.

The engine's mattes of a plate from 1001 on are composited at several frames, in a scene that begins
at 1001 and in one that begins at 1; what is rendered is compared with the files.
"""

import sys
from pathlib import Path

import bpy
import numpy as np

sys.path.insert(0, str(Path(__file__).parent))
from inside import arguments, draw_mask, fails, install, open_plate, part

SIZE = (48, 80)
OUTLINE = [(10, 10), (30, 10), (30, 30), (10, 30)]
MOVED = [(50, 15), (70, 15), (70, 35), (50, 35)]


def told_and_propagated(clip, frame, outline):
    """The outline at a frame of the scene is given to the engine, and carried through the clip."""
    for mask in list(bpy.data.masks):
        bpy.data.masks.remove(mask)
    bpy.context.scene.frame_set(frame)
    clip.xmempp.objects["disc"].source = "MASK"
    clip.xmempp.objects["disc"].mask = draw_mask("roto", outline, SIZE)
    for call in (bpy.ops.xmempp.reference_add, bpy.ops.xmempp.propagate):
        call(clip=clip.name)
        bpy.ops.xmempp.wait(seconds=200)


def opened(clip):
    """The clip in the engine, with an object."""
    clip.xmempp.model = "lite"
    bpy.ops.xmempp.clip_open(clip=clip.name)
    bpy.ops.xmempp.wait(seconds=120)
    bpy.ops.xmempp.object_add(object_name="disc", clip=clip.name)
    bpy.ops.xmempp.wait(seconds=60)


def pixels_of(path):
    """A picture: H x W x C, rows from the top, values as stored."""
    picture = bpy.data.images.load(str(path))
    picture.colorspace_settings.name = "Non-Color"
    width, height = picture.size
    pixels = np.array(picture.pixels[:]).reshape(height, width, picture.channels)[::-1]
    bpy.data.images.remove(picture)
    return pixels


def rendered(folder, frame):
    """What the scene renders at a frame: H x W x 4, linear."""
    scene = bpy.context.scene
    before = scene.frame_current
    scene.frame_start = scene.frame_end = frame
    bpy.ops.render.render(animation=True)
    assert scene.frame_current == before
    return pixels_of(f"{folder}/render_{frame:04d}.exr")


def set_render(folder):
    """The plate's size, and files that keep every value."""
    render = bpy.context.scene.render
    render.resolution_y, render.resolution_x, render.resolution_percentage = *SIZE, 100
    render.image_settings.file_format, render.image_settings.color_mode = "OPEN_EXR", "RGBA"
    render.image_settings.color_depth = "32"
    render.filepath = f"{folder}/render_####"


def is_composited(folder, obj, frame, number):
    """At a frame of the scene, the clip's own matte of that number is the alpha."""
    picture = rendered(folder, frame)
    head = bpy.path.abspath(obj.result.filepath).rsplit(".", 2)[0]
    matte = pixels_of(f"{head}.{number:04d}.png")[..., 0]
    assert matte.max() > 0.8
    assert abs(picture[..., 3] - matte).max() < 1e-4, (frame, number)
    assert picture[..., :3][matte > 0.5].max() > 0.05  # the plate
    assert (picture[..., :3].max(axis=2) <= picture[..., 3] + 1e-4).all()  # premultiplied
    return picture


def nodes_of(scene, part_of):
    """Name, kind, place and links of all nodes."""
    tree = part_of("compositor_tree").found_tree(scene)
    links = {(link.from_node.name, link.to_node.name, link.to_socket.name) for link in tree.links}
    return {node.name: (node.bl_idname, *node.location) for node in tree.nodes}, links


def in_the_artists_tree(scene, clip, part_of):
    """Nothing of it changes; twice is the same as once; what is removed leaves it as it was."""
    tree, _ = part_of("compositor_tree").made_tree(scene)
    before = nodes_of(scene, part_of)
    assert before[1], "a new compositor passes the render through"
    bpy.ops.xmempp.compositor_add(clip=clip.name)
    nodes, links = once = nodes_of(scene, part_of)
    assert before[0].items() <= nodes.items()
    assert before[1] <= links
    assert len(nodes) == len(before[0]) + 5
    assert len(links) == len(before[1]) + 3
    bpy.ops.xmempp.compositor_add(clip=clip.name)
    assert nodes_of(scene, part_of) == once
    fails(bpy.ops.xmempp.compositor_add, "linked to other nodes", clip=clip.name, output=True)
    blurred(tree, links)
    changed = nodes_of(scene, part_of)
    bpy.ops.xmempp.compositor_add(clip=clip.name)
    assert nodes_of(scene, part_of) == changed
    bpy.ops.xmempp.compositor_remove(clip=clip.name)
    tree.nodes.remove(tree.nodes["artist's"])
    assert nodes_of(scene, part_of) == before
    fails(bpy.ops.xmempp.compositor_remove, "no nodes of", clip=clip.name)


def blurred(tree, links):
    """The artist puts a node between matte and alpha."""
    blur = tree.nodes.new("CompositorNodeBlur")
    blur.name = "artist's"
    matte, alpha = next((one, other) for one, other, socket in links if socket == "Alpha")
    tree.links.new(tree.nodes[matte].outputs["Image"], blur.inputs[0])
    tree.links.new(blur.outputs[0], tree.nodes[alpha].inputs["Alpha"])


def as_output(scene, clip, part_of):
    """The artist takes the 3D render away, and the scene's output becomes the chosen object."""
    tree = part_of("compositor_tree").found_tree(scene)
    ends = ("CompositorNodeComposite", "NodeGroupOutput")
    for node in [node for node in tree.nodes if node.bl_idname not in ends]:
        tree.nodes.remove(node)
    bpy.ops.xmempp.compositor_add(clip=clip.name, output=True)


def second_object(clip):
    """Its row is added, and goes with it."""
    bpy.ops.xmempp.object_add(object_name="other", clip=clip.name)
    bpy.ops.xmempp.wait(seconds=60)
    other = clip.xmempp.objects["other"]
    other.result = clip.xmempp.objects["disc"].result
    bpy.ops.xmempp.compositor_add(clip=clip.name)


def as_clip(clip, obj):
    """In the clip editor a matte is at its plate's frame."""
    bpy.ops.xmempp.layer_clip(clip=clip.name, object_name=obj.name)
    bpy.ops.xmempp.layer_clip(clip=clip.name, object_name=obj.name)
    (made,) = [one for one in bpy.data.movieclips if one.name == f"{clip.name} {obj.name}"]
    assert (made.frame_start, made.frame_duration) == (clip.frame_start, clip.frame_duration)
    assert tuple(made.size) == tuple(clip.size)
    bpy.data.movieclips.remove(made)


def of_a_sequence(clip, folder, part_of):
    """At two frames, with the scene at 1001 and at 1; and again when the mattes have changed."""
    scene, tree_of = bpy.context.scene, part_of("compositor_tree").found_tree
    opened(clip)
    fails(bpy.ops.xmempp.compositor_add, "has no mattes yet", clip=clip.name)
    fails(bpy.ops.xmempp.layer_clip, "has no mattes yet", clip=clip.name)
    told_and_propagated(clip, 1001, OUTLINE)
    obj = clip.xmempp.objects["disc"]
    in_the_artists_tree(scene, clip, part_of)
    as_output(scene, clip, part_of)
    before = is_composited(folder, obj, 1001, 1001)
    is_composited(folder, obj, 1004, 1004)
    for outside in (1000, 1007):
        assert rendered(folder, outside)[..., 3].max() == 0
    as_clip(clip, obj)
    second_object(clip)
    assert len([n for n in tree_of(scene).nodes if n.name.startswith("XM++")]) == 7
    bpy.ops.xmempp.object_remove(object_name="other", clip=clip.name)
    bpy.ops.xmempp.wait(seconds=60)
    told_and_propagated(clip, 1001, MOVED)
    after = is_composited(folder, obj, 1001, 1001)
    assert abs(after[..., 3] - before[..., 3]).max() > 0.9
    is_composited(folder, obj, 1003, 1003)
    clip, obj, scene = reloaded(clip.name)
    is_composited(folder, obj, 1005, 1005)
    clip.frame_start = 1
    bpy.ops.xmempp.compositor_add(clip=clip.name)
    assert len([n for n in tree_of(scene).nodes if n.name.startswith("XM++")]) == 5
    is_composited(folder, obj, 1, 1001)
    is_composited(folder, obj, 4, 1004)
    saved_elsewhere(clip, obj, folder)
    bpy.ops.xmempp.compositor_remove(clip=clip.name)


def saved_elsewhere(clip, obj, folder):
    """New mattes go where the others are, and the compositor shows them."""
    assert obj.result.filepath.startswith("//mattes/"), obj.result.filepath  # both can be moved
    before = rendered(folder, 1)
    Path(folder, "elsewhere").mkdir()
    bpy.ops.wm.save_as_mainfile(filepath=f"{folder}/elsewhere/shot.blend")
    told_and_propagated(clip, 1, OUTLINE)
    after = is_composited(folder, obj, 1, 1001)
    assert abs(after[..., 3] - before[..., 3]).max() > 0.9
    assert len([*Path(folder).rglob("*_disc.1001.png")]) == 1
    as_clip(clip, obj)


def reloaded(name):
    """The saved file, loaded again; its clip is taken up by the engine."""
    bpy.ops.wm.save_mainfile()
    bpy.ops.wm.open_mainfile(filepath=bpy.data.filepath)
    bpy.ops.xmempp.wait(seconds=120)
    clip = bpy.data.movieclips[name]
    assert clip.xmempp.objects["disc"].result.source == "SEQUENCE"
    return clip, clip.xmempp.objects["disc"], bpy.context.scene


def of_a_movie(movie, folder, part_of):
    """Its first frame is 0, at the scene's 101; in a scene without a compositor."""
    scene = bpy.context.window_manager.windows[0].scene = bpy.data.scenes.new("bare")
    set_render(folder)
    clip = bpy.data.movieclips.load(movie)
    clip.frame_start = 101
    opened(clip)
    told_and_propagated(clip, 102, OUTLINE)
    bpy.ops.xmempp.compositor_add(clip=clip.name, output=True)
    nodes = part_of("compositor_tree").found_tree(scene).nodes
    assert len(nodes) == 6, "our own and the output"
    for frame in (101, 103):
        is_composited(folder, clip.xmempp.objects["disc"], frame, frame - 101)


def main():
    archive, plate, movie, folder = arguments()
    package = install(archive)
    chosen = bpy.context.preferences.addons[package].preferences
    chosen.workspace, chosen.device = f"{folder}/workspace", "cpu"
    clip = open_plate(plate)
    clip.frame_start = 1001
    bpy.ops.wm.save_as_mainfile(filepath=f"{folder}/shot.blend")
    set_render(folder)
    bpy.ops.xmempp.engine_start()

    def part_of(name):
        return part(package, name)

    of_a_sequence(clip, folder, part_of)
    of_a_movie(movie, folder, part_of)
    bpy.ops.preferences.addon_disable(module=package)


main()
