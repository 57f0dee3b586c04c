# SPDX-License-Identifier: Apache-2.0
"""A clip of ten frames with a real engine, and Blender's undo."""

import sys
from pathlib import Path

import bpy

sys.path.insert(0, str(Path(__file__).parent))
from inside import draw_mask, open_plate, part

ALL = ((1001, 1010),)
OUTLINE = [(10, 10), (30, 10), (30, 30), (10, 30)]


class Desk:
    """A clip by its name: undo replaces what Blender has of it."""

    def __init__(self, package, plate):
        self.package, self.name = package, open_plate(plate).name
        self.clip.xmempp.model, self.clip.xmempp.size = "lite", 32
        self.bridge, self.asked = part(package, "bridge").current(), []

    @property
    def clip(self):
        return bpy.data.movieclips[self.name]

    @property
    def shot(self):
        return self.bridge.shot(self.clip)

    @property
    def host(self):
        return self.bridge.host(self.clip)

    @property
    def state(self):
        return self.shot.state

    def ask(self, name, **properties):
        """Calls an operator as a button does: a step of Blender's undo follows."""
        operator = getattr(bpy.ops.xmempp, name)
        assert operator("EXEC_DEFAULT", True, clip=self.name, **properties) == {"FINISHED"}

    def do(self, name, **properties):
        self.ask(name, **properties)
        self.wait()

    def undo(self, *, wait=True):
        bpy.ops.ed.undo()
        self.wait() if wait else None

    def redo(self, *, wait=True):
        bpy.ops.ed.redo()
        self.wait() if wait else None

    def wait(self):
        bpy.ops.xmempp.wait(seconds=200)

    def told(self):
        """The sentence in the panel, which is put away."""
        error, self.host.error = self.host.error, None
        return str(error or "")

    def listen(self):
        """Notes what is asked of the engine from now on."""
        client = self.bridge._client
        inner, self.asked = type(client).submit, []

        def noted(request, *arguments, **named):
            self.asked.append(request)
            return inner(client, request, *arguments, **named)

        client.submit = noted

    def other(self):
        """Another client of the same engine, in the same session."""
        module, connection = (part(self.package, f"shared.{n}") for n in ("client", "connection"))
        folder = part(self.package, "shared.engine_place").data_folder() / "engine"
        path = next(folder.glob("*.json"))
        client = module.Client(lambda: connection.read_connection(path))
        client.connect()
        attach = part(self.package, "shared.messages").AttachSession(self.state.workspace)
        client.ask(attach, self.state.session)
        return client


def begin(desk, folder):
    """One object, drawn as a mask on all frames."""
    chosen = bpy.context.preferences.addons[desk.package].preferences
    chosen.workspace, chosen.device = f"{folder}/workspace", "cpu"
    draw_mask("roto", OUTLINE, (48, 80))
    bpy.context.scene.frame_set(1)  # the clip's 1001
    bpy.ops.xmempp.engine_start()
    bpy.ops.xmempp.clip_open(clip=desk.name)
    desk.wait()
    bpy.ops.ed.undo_push(message="begin")
    desk.do("object_add", object_name="disc", mask="roto", layer="disc")
    assert desk.host.error is None
