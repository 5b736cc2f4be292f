"""Names that mean one thing are matched; what may mean two is left to a person."""

from recsys.data.guess import guess


def test_a_shop_with_names_of_its_own() -> None:
    found = guess(["SKU", "Product Name", "Unit-Price", "colour"], ["CustomerID", "sku", "InvoiceDate", "Quantity"])
    assert found.items == {"item_id": "SKU", "title": "Product Name", "price": "Unit-Price"}
    assert found.events == {"user_id": "CustomerID", "item_id": "sku", "timestamp": "InvoiceDate", "value": "Quantity"}
    assert found.missing == ("events.event",)


def test_what_has_its_name_is_not_guessed() -> None:
    found = guess(["item_id", "sku", "title"], ["user_id", "item_id", "event", "timestamp", "date"])
    assert (found.items, found.events, found.missing) == ({}, {}, ())


def test_two_that_may_be_meant_are_left_open() -> None:
    found = guess(["item_id"], ["customer", "account", "item_id", "event", "timestamp"])
    assert found.events == {}
    assert found.missing == ("events.user_id",)
