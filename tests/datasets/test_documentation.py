"""docs/datasets.md agrees with the cards."""

from pathlib import Path

import pytest

from vqathinker.datasets.card import card_names, load_card

REAL = [name for name in card_names() if not load_card(name).is_synthetic]


@pytest.fixture(scope="module")
def text() -> str:
    return (Path(__file__).parents[2] / "docs" / "datasets.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", REAL)
def test_docs_table_has_role_count_and_licence(name: str, text: str) -> None:
    card = load_card(name)
    [row] = [line for line in text.splitlines() if line.startswith(f"| `{name}` |")]
    cells = [cell.strip() for cell in row.strip("|").split("|")]
    assert cells[1:3] == [card.role, f"{card.expected:,}" if card.expected else "any"]
    assert cells[-1] == card.licence
    asked = {card.access.token_env, *(file.password_env for file in card.files)} - {None}
    if card.access.kind == "token":
        assert all(f"`{variable}`" in row for variable in asked)
