from ... import shared
