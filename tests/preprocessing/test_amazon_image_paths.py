from preprocessing.datasets.amazon.image_paths import ImageSource, candidates, local_name

HOST = "https://images.example.org/I/"


def test_addresses_are_tried_at_full_size_first() -> None:
    small, high = f"{HOST}p._SX38_SY50_CR,0,0,38,50_.jpg", f"{HOST}p.jpg"
    assert candidates(user=[small], source=ImageSource.USER) == [high, small]
    assert candidates(user=[small], source=ImageSource.PRODUCT) == []
    both = candidates(
        user=[f"{HOST}u.jpg"],
        product_high=[high],
        product=[small],
        source=ImageSource.USER_OR_PRODUCT,
    )
    assert both == [f"{HOST}u.jpg", high, small]
    assert candidates(user=["file:///etc/passwd", "//host/a.jpg", "http://[", ""]) == []


def test_names_take_nothing_from_the_address() -> None:
    names = {local_name(f"https://h/{path}") for path in ("a.jpg", "../a.jpg", "a.jpg?x", "%00")}
    assert len(names) == 4
    assert all(len(name) == 36 and name[:32].isalnum() for name in names)
