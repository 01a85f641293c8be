import pytest
from torchvision.datasets import ImageFolder as Torchvision

from sebench.errors import UsageError
from sebench.images.folder import open_folder
from tests.image_folders import write_folder, write_image


def test_classes_files_and_their_order(tmp_path):
    write_folder(tmp_path, {"cat": 2, "bee": 1})
    folder = open_folder(tmp_path)
    assert folder.classes == ("bee", "cat")
    assert folder.files == (("bee/000.png", 0), ("cat/000.png", 1), ("cat/001.png", 1))
    assert (len(folder), folder.empty, folder.skipped, folder.orders_differ) == (3, (), {}, False)


def test_text_order_is_torchvisions_and_natural_order_is_timms(tmp_path):
    write_folder(tmp_path, {"0": 1, "1": 1, "2": 1, "10": 1})
    text, natural = open_folder(tmp_path), open_folder(tmp_path, order="natural")
    assert text.classes == ("0", "1", "10", "2") == tuple(Torchvision(str(tmp_path)).classes)
    assert natural.classes == ("0", "1", "2", "10")
    assert text.orders_differ
    assert natural.orders_differ
    assert dict(text.files)["10/000.png"] == 2
    assert dict(natural.files)["10/000.png"] == 3


def test_natural_order_is_timms(tmp_path):
    reader = pytest.importorskip("timm.data.readers.reader_image_folder")
    names = ("b2", "B10", "a", "01", "2", "9z", "n1-10", "n1-9")
    write_folder(tmp_path, dict.fromkeys(names, 1))
    _, numbers = reader.find_images_and_targets(str(tmp_path))
    assert open_folder(tmp_path, order="natural").classes == tuple(sorted(numbers, key=numbers.get))


def test_natural_order_of_what_is_a_digit_and_no_number(tmp_path):
    write_folder(tmp_path, {"x²": 1, "x1": 1})
    assert open_folder(tmp_path, order="natural").classes == ("x1", "x²")


def test_hidden_folders_are_no_classes_and_hidden_files_no_images(tmp_path):
    write_folder(tmp_path, {"a": 1, "b": 1, ".git": 1})
    write_image(tmp_path / "a" / ".thumbs" / "x.png")
    write_image(tmp_path / "a" / "._000.png")
    (tmp_path / ".DS_Store").touch()
    folder = open_folder(tmp_path)
    assert folder.classes == ("a", "b")
    assert len(folder) == 2
    assert folder.skipped == {"hidden": 2}


def test_other_suffixes_are_counted(tmp_path):
    write_folder(tmp_path, {"a": 1})
    for name in ("x.gif", "y.GIF", "z.avif", "t.jfif", "README"):
        (tmp_path / "a" / name).touch()
    (tmp_path / "synset.txt").touch()
    assert open_folder(tmp_path).skipped == {
        ".avif": 1,
        ".gif": 2,
        ".jfif": 1,
        "in no class": 1,
        "no suffix": 1,
    }


def test_an_empty_class_keeps_its_number(tmp_path):
    write_folder(tmp_path, {"a": 1, "b": 0, "c": 1})
    folder = open_folder(tmp_path)
    assert folder.classes == ("a", "b", "c")
    assert folder.empty == ("b",)
    assert folder.files == (("a/000.png", 0), ("c/000.png", 2))


def test_folders_in_a_class_and_a_link_to_itself(tmp_path):
    write_image(tmp_path / "a" / "deep" / "er" / "x.JPG")
    (tmp_path / "a" / "deep" / "again").symlink_to(tmp_path / "a")
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    folder = open_folder(tmp_path)
    assert folder.files == (("a/deep/er/x.JPG", 0),)
    assert folder.skipped == {"in no class": 1}


@pytest.mark.parametrize(
    ("made", "said"),
    [
        ((), "has no folders with images;"),
        (("x.png",), "has no folders with images (1 in no class);"),
        (("a/x.gif", "b/y.gif", "b/z.txt"), "has no images (2 .gif, 1 .txt);"),
    ],
)
def test_no_images(tmp_path, made, said):
    for name in made:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    with pytest.raises(UsageError) as caught:
        open_folder(tmp_path)
    assert said in str(caught.value)
    assert "DIR/CLASS/IMAGE.jpg" in str(caught.value)


def test_no_such_folder_and_a_file(tmp_path):
    with pytest.raises(UsageError, match="there is no folder"):
        open_folder(tmp_path / "nowhere")
    with pytest.raises(UsageError, match="is a file, not a folder"):
        open_folder(write_image(tmp_path / "x.png"))


def test_parts_of_a_data_set_are_no_classes(tmp_path):
    write_folder(tmp_path / "train", {"a": 1, "b": 1})
    write_folder(tmp_path / "val", {"a": 1, "b": 1})
    with pytest.raises(
        UsageError, match=r"parts of a data set \(train, val\), not classes; name one of them"
    ):
        open_folder(tmp_path)
    assert open_folder(tmp_path / "val").classes == ("a", "b")


def test_one_class_is_refused_where_two_are_needed(tmp_path):
    folder = open_folder(write_folder(tmp_path, {"a": 1}))
    folder.require_classes(1)
    with pytest.raises(UsageError, match="has 1 class, a, but 2 are needed"):
        folder.require_classes(2)


def test_a_sample_is_seeded_and_in_order(tmp_path):
    folder = open_folder(write_folder(tmp_path, {"a": 10, "b": 10}))
    drawn = folder.sample(5, seed=1)
    assert drawn == folder.sample(5, seed=1) == tuple(sorted(set(drawn)))
    assert len(drawn) == 5
    assert drawn != folder.sample(5, seed=2)
    assert folder.sample(None, seed=1) == folder.sample(20, seed=3) == tuple(range(20))
    with pytest.raises(UsageError, match="0 images"):
        folder.sample(0, seed=1)
