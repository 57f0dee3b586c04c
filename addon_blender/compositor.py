# SPDX-License-Identifier: GPL-3.0-or-later
"""A clip's plate and mattes in the compositor: nodes of our own, in a frame of their own.

Nodes are told by their names, which the artist does not see (labels are shown): a copy gets
another name and is the artist's. What the artist links or moves stays so: only sockets
that nothing is linked to are linked.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator

import bpy

from .compositor_tree import apply_mask, found_tree, made_tree, output_socket
from .host_frame import frame_map
from .shared.errors import UsageError

__all__ = ["add_nodes", "has_nodes", "remove_nodes", "show_frames"]

_KINDS = {
    "frame": "NodeFrame",
    "plate": "CompositorNodeMovieClip",
    "matte": "CompositorNodeImage",
    "alpha": "CompositorNodeSetAlpha",
    "viewer": "CompositorNodeViewer",
}
_COLUMNS = {"frame": 0, "plate": 0, "matte": 0, "alpha": 320, "viewer": 640}
_ENDLESS = 100_000
_ROW = 420  # an Image node with its settings is about as high


def add_nodes(scene: bpy.types.Scene, clip: bpy.types.MovieClip, *, output: bool) -> None:
    """Adds plate, mattes, Set Alpha and viewer to a scene's nodes, or brings them up to date.

    Args:
        scene: whose compositor.
        clip: the clip; each object that has mattes gets a row.
        output: the chosen object becomes what the scene renders.

    Raises:
        UsageError: there are no mattes, the compositor is switched off, or the scene's output is
            linked to something else already.
    """
    shown = [obj for obj in clip.xmempp.objects if obj.result]
    if not shown:
        raise UsageError(f"'{clip.name}' has no mattes yet.", hint="Propagate first.")
    tree, new = made_tree(scene)
    if output:
        _free_output(tree, clip, new=new)
    _remove(tree, clip, keep={_name(clip, *key) for key in _wanted(shown)})
    _rows(tree, clip, shown)
    picture = _node(tree, clip, "alpha", _chosen(clip, shown).object).outputs[0]
    viewer = _node(tree, clip, "viewer").inputs[0]
    if _is_free(tree, viewer, clip):
        tree.links.new(picture, viewer)
    if output:
        tree.links.new(picture, output_socket(tree))


def remove_nodes(scene: bpy.types.Scene, clip: bpy.types.MovieClip) -> None:
    """Takes away what `add_nodes` added; ``UsageError`` if there is nothing."""
    if not has_nodes(scene, clip):
        raise UsageError(f"The compositor has no nodes of '{clip.name}'.", hint="")
    _remove(found_tree(scene), clip)


def has_nodes(scene: bpy.types.Scene, clip: bpy.types.MovieClip) -> bool:
    """Whether the compositor of a scene has nodes of a clip."""
    tree = found_tree(scene)
    return tree is not None and _name(clip, "plate") in tree.nodes


def show_frames(user: bpy.types.Node, clip: bpy.types.MovieClip) -> None:
    """Has an image sequence show, at each frame of a scene, the file of the clip's own number.

    Blender takes the file ``frame - start + 1 + offset``, and would hold the last one of the
    duration. It is longer than any clip: a frame that has no file is black.
    """
    frames = frame_map(clip)
    user.frame_duration = _ENDLESS
    user.frame_start = frames.to_scene(frames.first)
    user.frame_offset = frames.first - 1
    user.use_auto_refresh = True


def _rows(
    tree: bpy.types.NodeTree, clip: bpy.types.MovieClip, shown: list[bpy.types.PropertyGroup]
) -> None:
    """The plate, and below it each object's matte, which becomes its alpha."""
    frame = _node(tree, clip, "frame")
    frame.label = f"XMem++ {clip.name}"
    plate = _node(tree, clip, "plate")
    plate.clip = clip
    for row, obj in enumerate(shown, start=1):
        matte = _node(tree, clip, "matte", obj.object, row)
        alpha = _node(tree, clip, "alpha", obj.object, row)
        matte.label, alpha.label = f"{obj.name} matte", obj.name
        matte.image = obj.result
        show_frames(matte, clip)
        apply_mask(alpha)
        _link(tree, plate.outputs["Image"], alpha.inputs["Image"])
        _link(tree, matte.outputs["Image"], alpha.inputs["Alpha"])


def _wanted(shown: list[bpy.types.PropertyGroup]) -> Iterator[tuple[str, int]]:
    """Kind and object of the nodes."""
    yield from ((kind, 0) for kind in ("frame", "plate", "viewer"))
    yield from ((kind, obj.object) for obj in shown for kind in ("matte", "alpha"))


def _name(clip: bpy.types.MovieClip, kind: str, number: int = 0) -> str:
    return f"{_prefix(clip)}{kind} {number}"


def _prefix(clip: bpy.types.MovieClip) -> str:
    return f"XM++ {clip.xmempp.token} "


def _node(
    tree: bpy.types.NodeTree, clip: bpy.types.MovieClip, kind: str, number: int = 0, row: int = 0
) -> bpy.types.Node:
    """The node of that kind; made, in its place, where it is not there."""
    name = _name(clip, kind, number)
    if name in tree.nodes:
        return tree.nodes[name]
    left, top = _corner(tree, clip)
    node = tree.nodes.new(_KINDS[kind])
    node.name = name
    if kind != "frame":
        node.location = left + _COLUMNS[kind], top - row * _ROW
        node.parent = tree.nodes[_name(clip, "frame")]
    return node


def _corner(tree: bpy.types.NodeTree, clip: bpy.types.MovieClip) -> tuple[float, float]:
    """Where our nodes begin: at the plate, or below all that are there."""
    plate = tree.nodes.get(_name(clip, "plate"))
    if plate is not None:
        return tuple(plate.location)
    others = [node for node in tree.nodes if node.bl_idname != "NodeFrame"]
    left = min((node.location.x for node in others), default=0.0)
    low = min((node.location.y - max(node.height, _ROW) for node in others), default=0.0)
    return left, low - 100


def _link(tree: bpy.types.NodeTree, out: bpy.types.NodeSocket, into: bpy.types.NodeSocket) -> None:
    """Links, unless something is linked already."""
    if _source(tree, into) is None:
        tree.links.new(out, into)


def _source(tree: bpy.types.NodeTree, into: bpy.types.NodeSocket) -> bpy.types.Node | None:
    """What is linked to a socket; its own ``is_linked`` may tell of a node that is gone."""
    return next((link.from_node for link in tree.links if link.to_socket == into), None)


def _chosen(
    clip: bpy.types.MovieClip, shown: list[bpy.types.PropertyGroup]
) -> bpy.types.PropertyGroup:
    """The object that is chosen in the list, or the first that has mattes."""
    state = clip.xmempp
    names = [obj.name for obj in state.objects][state.active_object :][:1]
    return next((obj for obj in shown if obj.name in names), shown[0])


def _is_free(
    tree: bpy.types.NodeTree, socket: bpy.types.NodeSocket, clip: bpy.types.MovieClip
) -> bool:
    """Whether nothing of the artist's is linked to it."""
    source = _source(tree, socket)
    return source is None or source.name.startswith(_prefix(clip))


def _free_output(tree: bpy.types.NodeTree, clip: bpy.types.MovieClip, *, new: bool) -> None:
    """Sees that the output can be linked; new nodes lose the 3D render, which takes its time."""
    socket = output_socket(tree)
    if socket is None:
        raise UsageError("The compositor has no output node.", hint="Add one, and try again.")
    if new:
        for node in [node for node in tree.nodes if node != socket.node]:
            tree.nodes.remove(node)
    elif not _is_free(tree, socket, clip):
        raise UsageError(
            "The scene's output is linked to other nodes.",
            hint="Link the result where you want it.",
        )


def _remove(
    tree: bpy.types.NodeTree, clip: bpy.types.MovieClip, keep: Collection[str] = ()
) -> None:
    """Removes our nodes, those of objects that are gone, or all."""
    prefix = _prefix(clip)
    ours = {_name(clip, kind) for kind in ("frame", "plate", "viewer")} | {
        node.name
        for node in tree.nodes
        if node.name.startswith(prefix) and node.name.rpartition(" ")[2].isdigit()
    }
    for name in ours.difference(keep):
        if name in tree.nodes:
            tree.nodes.remove(tree.nodes[name])
