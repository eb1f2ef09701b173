"""How a user gets the packages that parts of `urnn` need beside torch and numpy: pyproject.toml's extras."""

PACKAGES = {"sklearn": "scikit-learn"}  # those whose name differs from that of the module that is imported
OURS = ("", "urnn")


def package_of(error: ImportError) -> str | None:
    """The package that an import has missed; None if what is missing is no package of others, but a mistake here.

    Example:
        >>> from urnn.extras import package_of
        >>> package_of(ModuleNotFoundError(name="sklearn.base"))
        'scikit-learn'
        >>> package_of(ModuleNotFoundError(name="urnn.layers")) is None
        True
    """
    module = (error.name or "").partition(".")[0]
    return None if module in OURS else PACKAGES.get(module, module)


def how_to_install(extra: str) -> str:
    """The command that installs an extra, and where it is called: `urnn` is on no index.

    Example:
        >>> from urnn.extras import how_to_install
        >>> how_to_install("training")
        "in the checkout of urnn: pip install '.[training]'"
    """
    return f"in the checkout of urnn: pip install '.[{extra}]'"
