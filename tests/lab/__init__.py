# SPDX-License-Identifier: MIT
"""A private laboratory: engines, users, an sshd and ctsh itself.

Everything that is made here carries the tag of this run, is started by this
process and is taken away by it; what the machine had before is left alone.
"""
