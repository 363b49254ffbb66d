"""Compare: what is not the same in two packages, and what that does.

``diff`` reads two packages and tells what differs, component by component; it runs nothing.
``explain`` runs mixtures of their components on the same inputs, and says which component,
library, parameter or step a change in behaviour comes from.
"""
