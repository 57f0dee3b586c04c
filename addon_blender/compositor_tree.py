# SPDX-License-Identifier: GPL-3.0-or-later
"""What differs between the compositors of Blender 3.4 to 4.5 and 5.0; nothing else knows of it.

Until 4.5 a scene owns its node tree, which ends in a Composite node. Since 5.0 the tree is a
node group that the scene points to, and it ends in the group's output.
"""

from __future__ import annotations

import bpy

from .shared.errors import UsageError

__all__ = ["apply_mask", "found_tree", "made_tree", "output_socket"]

_GROUPS = bpy.app.version >= (5, 0)


def found_tree(scene: bpy.types.Scene) -> bpy.types.NodeTree | None:
    """The compositor's nodes of a scene, or None where it has none."""
    return scene.compositing_node_group if _GROUPS else scene.node_tree


def made_tree(scene: bpy.types.Scene) -> tuple[bpy.types.NodeTree, bool]:
    """The compositor's nodes of a scene, and whether they had to be made.

    New ones pass the render through, so that the scene renders what it did before.

    Raises:
        UsageError: the artist has switched them off.
    """
    tree = found_tree(scene)
    if tree is None:
        return (_new_group(scene) if _GROUPS else _switched_on(scene)), True
    if not (_GROUPS or scene.use_nodes):
        raise UsageError(
            f"The compositor of scene '{scene.name}' is switched off.",
            hint="Tick 'Use Nodes' in the compositor, and try again.",
        )
    return tree, False


def output_socket(tree: bpy.types.NodeTree) -> bpy.types.NodeSocket | None:
    """Where the scene's picture goes in; None where nothing is the tree's end."""
    kind = "NodeGroupOutput" if _GROUPS else "CompositorNodeComposite"
    ends = [node for node in tree.nodes if node.bl_idname == kind]
    end = next((node for node in ends if getattr(node, "is_active_output", True)), None)
    return end.inputs[0] if end is not None and end.inputs else None


def apply_mask(node: bpy.types.Node) -> None:
    """Has a Set Alpha node multiply the colours as well: Blender's colours are premultiplied."""
    if hasattr(node, "mode"):
        node.mode = "APPLY"
    else:
        node.inputs["Type"].default_value = "Apply Mask"


def _switched_on(scene: bpy.types.Scene) -> bpy.types.NodeTree:
    scene.use_nodes = True  # Blender fills the tree by itself
    return scene.node_tree


def _new_group(scene: bpy.types.Scene) -> bpy.types.NodeTree:
    tree = bpy.data.node_groups.new("Compositor Nodes", "CompositorNodeTree")
    tree.interface.new_socket("Image", in_out="OUTPUT", socket_type="NodeSocketColor")
    scene.compositing_node_group = tree
    render, end = tree.nodes.new("CompositorNodeRLayers"), tree.nodes.new("NodeGroupOutput")
    render.location, end.location = (-200, 200), (200, 200)
    tree.links.new(render.outputs[0], end.inputs[0])
    return tree
