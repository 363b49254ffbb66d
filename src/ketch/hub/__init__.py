"""The hub: a registry and the bytes of its packages, served to a team.

This area promises that a hub does what the embedded registry does, for whoever has a
token that allows it, and nothing for anybody else: every route declares the role it
needs, every size and every wait has a limit, and what goes wrong inside stays inside.
It needs the extra ``ketch[hub]``; whoever only asks a hub does not.
"""
