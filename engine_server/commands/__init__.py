# SPDX-License-Identifier: Apache-2.0
"""One module per command, and the parsers of all of them."""
