"""Compare: what is not the same in two packages, and what that does.

``diff`` reads two packages and tells what differs, component by component; it runs nothing.
``trial`` asks packages the same rows, each in its own environment, and says which is better.
``explain`` runs mixtures of their components on the same inputs, and says which component,
library, parameter or step a change in behaviour comes from.
``upgrade`` makes a package with newer libraries, and holds back those that change its answers.
"""
