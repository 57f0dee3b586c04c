# SPDX-License-Identifier: Apache-2.0
"""What host and engine share: standard library and pyzmq only."""
