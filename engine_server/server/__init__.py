# SPDX-License-Identifier: Apache-2.0
"""The engine as a server: sockets, admission, control thread, worker, jobs."""
