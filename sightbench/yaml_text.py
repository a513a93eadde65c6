"""YAML that people write, read without a traceback."""

from __future__ import annotations


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
        return yaml.load(raw.decode("utf-8-sig"), Loader)  # a SafeLoader
    except RecursionError:
        raise ValueError("nested too deeply") from None
    except (yaml.YAMLError, ValueError, ArithmeticError, LookupError, AttributeError, TypeError) as error:
        # A date without such a month, say: what PyYAML lets through from Python's own readers.
        raise ValueError(plain(error, 300)) from None
