"""YAML that people write, read without a traceback."""

from __future__ import annotations

import re


def from_yaml(raw: bytes) -> object:
    """The value in a YAML file. Raises ValueError, in one short line, for what cannot be read."""
    import yaml

    from sightbench.terminal import plain

    class Loader(yaml.SafeLoader):
        def construct_yaml_int(self, node: yaml.ScalarNode) -> int:
            value = int(super().construct_yaml_int(node))
            if value.bit_length() > 1000:
                raise ValueError("an integer has hundreds of digits")
            return value

    Loader.add_constructor("tag:yaml.org,2002:int", Loader.construct_yaml_int)
    try:
        # What stands in the file is not said again: it may be a key.
        return yaml.load(raw.decode("utf-8-sig"), Loader)  # a SafeLoader
    except RecursionError:
        raise ValueError("nested too deeply") from None
    except yaml.MarkedYAMLError as error:
        where = error.problem_mark
        what = re.sub(r"'[^']{2,}'", "what stands there", error.problem or "cannot be read")
        place = "" if where is None else f" (line {where.line + 1}, column {where.column + 1})"
        raise ValueError(plain(f"{what}{place}", 300)) from None
    except (yaml.YAMLError, ValueError, ArithmeticError, LookupError, AttributeError, TypeError) as error:
        # A date without such a month, say: what PyYAML lets through from Python's own readers.
        raise ValueError(plain(error, 300)) from None
