import io

import msgspec
import pytest
import torch
from msgspec.structs import replace
from PIL import Image
from torchvision import transforms
from torchvision.transforms import v2

from sebench.errors import UsageError, WorkerError
from sebench.images import loading
from sebench.images.folder import open_folder
from sebench.images.loading import batches
from sebench.images.preprocessing import (
    IMAGENET_MEAN,
    IMAGENET_STD,
    paper_preprocessing,
    read_preprocessing,
    transform_of,
)
from sebench.schema import Preprocessing
from tests.image_folders import write_folder, write_image

BARE = Preprocessing(
    resize=8, crop=(8, 8), interpolation="bilinear", mean=(0, 0, 0), std=(1, 1, 1), source="a test"
)
"""Pixels as they are, in [0, 1]."""


@pytest.mark.parametrize(
    ("size", "resize"), [(224, 256), (299, 352), (32, 32), (64, 64), (160, 182), ((224, 448), (256, 512))]
)
def test_sizes_of_the_paper(size, resize):
    found = paper_preprocessing(size)
    assert found.resize == resize
    assert found.crop == ((size, size) if isinstance(size, int) else size)


def test_values_by_hand(tmp_path):
    # 255 is 1, 51 is 0.2, 0 is 0; normalised: (1 - 0.485) / 0.229, (0.2 - 0.456) / 0.224, -0.406 / 0.225.
    write_image(tmp_path / "a" / "x.png", (255, 51, 0), (40, 30))
    (batch,) = batches(open_folder(tmp_path), paper_preprocessing(32), batch_size=4)
    assert batch.images.shape == (1, 3, 32, 32)
    assert batch.images.dtype == torch.float32
    expected = torch.tensor([(1 - 0.485) / 0.229, (0.2 - 0.456) / 0.224, -0.406 / 0.225])
    torch.testing.assert_close(batch.images[0, :, 5, 7], expected)
    assert batch.images.std(dim=(2, 3)).max() == 0


def test_the_papers_way_is_torchvisions_for_the_same_sizes():
    noise = torch.randint(
        0, 256, (3, 300, 280), dtype=torch.uint8, generator=torch.Generator().manual_seed(0)
    )
    image = v2.functional.to_pil_image(noise)
    usual = transforms.Compose(
        [
            transforms.Resize(256),
            transforms.CenterCrop(224),
            transforms.ToTensor(),
            transforms.Normalize(IMAGENET_MEAN, IMAGENET_STD),
        ]
    )
    own = transform_of(paper_preprocessing(224))
    torch.testing.assert_close(own(image), usual(image), rtol=0, atol=1e-6)  # a last bit of x / 255


def test_batches_are_in_order_and_complete(tmp_path):
    folder = open_folder(write_folder(tmp_path, {"a": 3, "b": 2}, size=(8, 8)))
    found = list(batches(folder, BARE, batch_size=2))
    assert [batch.indices.tolist() for batch in found] == [[0, 1], [2, 3], [4]]
    assert [batch.classes.tolist() for batch in found] == [[0, 0], [0, 1], [1]]
    (chosen,) = batches(folder, BARE, batch_size=8, indices=(4, 0))
    assert (chosen.indices.tolist(), chosen.classes.tolist()) == ([4, 0], [1, 0])


def test_workers_read_the_same_and_leave_the_random_state_alone(tmp_path):
    folder = open_folder(write_folder(tmp_path, {"a": 3, "b": 2}, size=(8, 8)))
    (tmp_path / "a" / "001.png").write_bytes(b"none")
    before = torch.get_rng_state()
    here, there = (list(batches(folder, BARE, batch_size=2, workers=workers)) for workers in (0, 2))
    assert torch.equal(torch.get_rng_state(), before)
    for one, other in zip(here, there, strict=True):
        assert torch.equal(one.images, other.images)
        assert one.indices.tolist() == other.indices.tolist()
        assert one.unreadable == other.unreadable


def jpeg(image: Image.Image, **options) -> bytes:
    held = io.BytesIO()
    image.save(held, "jpeg", **options)
    return held.getvalue()


def test_unreadable_images_are_named_and_no_other_takes_their_place(tmp_path, monkeypatch):
    whole = jpeg(Image.effect_noise((64, 64), 50).convert("RGB"))
    files = {
        "a.jpg": whole,
        "b.jpg": whole[: len(whole) // 2],
        "c.jpg": b"no image",
        "d.jpg": b"",
        "f.png": b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR",
    }
    (tmp_path / "k").mkdir()
    for name, content in files.items():
        (tmp_path / "k" / name).write_bytes(content)
    (tmp_path / "k" / "e.png").symlink_to(tmp_path / "nowhere.png")
    Image.new("I;16", (8, 8), 1000).save(tmp_path / "k" / "g.png")
    write_image(tmp_path / "k" / "h.png", size=(70, 70))
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 4096)  # an error from twice as many
    write_image(tmp_path / "k" / "i.png", size=(100, 100))
    (batch,) = batches(open_folder(tmp_path), BARE, batch_size=16, indices=range(1, 9))
    reasons = {bad.path: bad.reason for bad in batch.unreadable}
    assert batch.indices.tolist() == [7]  # h.png alone
    assert list(reasons) == [
        f"k/{name}" for name in ("b.jpg", "c.jpg", "d.jpg", "e.png", "f.png", "g.png", "i.png")
    ]
    assert "truncated" in reasons["k/b.jpg"]
    assert reasons["k/e.png"] == "No such file or directory"
    assert reasons["k/g.png"] == "it has more than 8 bits a channel (mode I;16)"
    assert "decompression bomb" in reasons["k/i.png"]


def test_a_batch_without_a_readable_image(tmp_path):
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "x.png").write_bytes(b"none")
    (batch,) = batches(open_folder(tmp_path), BARE, batch_size=1)
    assert batch.images.shape == (0, 3, 8, 8)
    assert (batch.classes.dtype, len(batch.classes), len(batch.unreadable)) == (torch.int64, 0, 1)


def test_what_readers_usually_do_is_done(tmp_path):
    """Orientation is not applied, transparency is dropped; grey and palettes become RGB."""
    image = Image.new("RGB", (8, 8), (255, 0, 0))
    image.paste((0, 0, 255), (0, 0, 8, 4))  # blue above red
    turned = Image.Exif()
    turned[0x0112] = 3
    (tmp_path / "k").mkdir()
    image.save(tmp_path / "k" / "a.webp", exif=turned, lossless=True)
    image.putalpha(0)
    image.save(tmp_path / "k" / "b.png")
    image.convert("P").save(tmp_path / "k" / "c.png")
    Image.new("L", (8, 8), 51).save(tmp_path / "k" / "d.png")
    (batch,) = batches(open_folder(tmp_path), BARE, batch_size=4)
    assert [batch.images[each, :, 0, 0].tolist() for each in range(3)] == [[0, 0, 1]] * 3
    assert batch.images[3].unique().tolist() == [pytest.approx(0.2)]


def test_networks_of_one_channel_see_grey(tmp_path):
    write_image(tmp_path / "a" / "x.png", (255, 255, 255))
    grey = Preprocessing(resize=8, crop=(8, 8), interpolation="nearest", mean=(0.5,), std=(0.5,), source="")
    (batch,) = batches(open_folder(tmp_path), grey, batch_size=1)
    assert batch.images.shape == (1, 1, 8, 8)
    assert batch.images.unique().tolist() == [1.0]


def test_a_reader_that_is_ended_is_an_error_of_one_line(tmp_path, monkeypatch):
    def killed(*_):
        raise RuntimeError("DataLoader worker (pid 7) is killed by signal: Killed. \nmore")

    monkeypatch.setattr(loading.DataLoader, "__iter__", killed)
    with pytest.raises(WorkerError, match=r"ended: DataLoader worker \(pid 7\) is killed.*--workers 0"):
        list(batches(open_folder(write_folder(tmp_path, {"a": 1})), BARE, batch_size=1))


def test_a_preprocessing_from_a_file(tmp_path):
    file = tmp_path / "own.json"
    file.write_bytes(msgspec.json.encode(BARE))
    assert read_preprocessing(file) == BARE
    for content, said in (
        ("{", "holds no preprocessing"),
        (msgspec.json.encode(replace(BARE, crop=(0, 8))).decode(), "holds no preprocessing"),
        (msgspec.json.encode(replace(BARE, std=(1, 0, 1))).decode(), "std is never 0"),
        (msgspec.json.encode(replace(BARE, mean=(0, 0))).decode(), "mean and std"),
    ):
        file.write_text(content)
        with pytest.raises(UsageError, match=said):
            read_preprocessing(file)
    with pytest.raises(UsageError, match="cannot be read"):
        read_preprocessing(tmp_path / "none.json")
