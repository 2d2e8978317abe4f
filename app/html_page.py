"""Pages of HTML from templates: every value is escaped, and a missing one is an error."""

from pathlib import Path
from typing import Any

import jinja2


def html_page(template: Path, **values: Any) -> str:
    """The page that a jinja2 template makes of ``values``.

    It may extend ``base_page.html``, which has the look of all pages, and include others of its
    own folder.
    """
    templates = jinja2.Environment(
        loader=jinja2.FileSystemLoader([template.parent, Path(__file__).parent]),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return templates.get_template(template.name).render(**values)
