# SPDX-License-Identifier: Apache-2.0
"""How the embedded model is made; the engine does not import it.

``python -m training.train`` trains, ``training.export`` writes the weights, ``training.look``
shows clips and predictions, ``training.leak_check`` compares data sets.
"""
