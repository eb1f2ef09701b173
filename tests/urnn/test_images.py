"""Images are split once and for all, permuted alike, and MNIST is read from the files that its authors define."""

import gzip
import os
import struct
from pathlib import Path

import pytest
import torch
from sklearn.datasets import load_digits

from urnn.tasks import mnist
from urnn.tasks.images import MNIST_VALIDATION, Images, digits_split, mnist_split
from urnn.tasks.pixels import WholeImages

PART_NAMES = ("train", "validation", "test")


class TestDigits:
    def test_every_image_is_in_one_set_and_no_other(self):
        split = digits_split()
        parts = [getattr(split, name) for name in PART_NAMES]
        assert [len(part) for part in parts] == [1257, 180, 360]
        pixels = torch.cat([part.pixels for part in parts])
        labels = torch.cat([part.labels for part in parts])
        rows = sorted((*row, label) for row, label in zip(pixels.tolist(), labels.tolist(), strict=True))
        images, numbers = load_digits(return_X_y=True)
        whole = sorted((*row, label) for row, label in zip(images.astype(int).tolist(), numbers, strict=True))
        assert rows == whole

    def test_the_split_is_the_same_at_every_call(self):
        first, again = digits_split(), digits_split()
        assert all(torch.equal(getattr(first, name).pixels, getattr(again, name).pixels) for name in PART_NAMES)

    def test_a_sequence_is_the_image_row_by_row_between_0_and_1(self):
        images = digits_split().test
        x, labels = images.sequences(torch.tensor([5, 2]))
        assert x.shape == (64, 2, 1)
        assert torch.equal(16 * x[:, 0, 0], images.pixels[5].float())
        assert torch.equal(labels, images.labels[torch.tensor([5, 2])])


class TestRows:
    def test_a_step_is_a_row_of_the_image(self):
        images = digits_split(by_rows=True).test
        x, labels = images.sequences(torch.tensor([5, 2]))
        assert x.shape == (8, 2, 8)
        assert torch.equal(16 * x[:, 1], images.pixels[2].float().view(8, 8))
        assert torch.equal(labels, images.labels[torch.tensor([5, 2])])

    def test_noise_stands_beside_each_row_and_the_image_stays(self):
        plain, noisy = digits_split(by_rows=True), digits_split(by_rows=True, noise=3)
        chosen = torch.tensor([5, 2])
        for name in PART_NAMES:
            x, _ = getattr(plain, name).sequences(chosen)
            widened, _ = getattr(noisy, name).sequences(chosen)
            assert widened.shape == (8, 2, 11)
            assert torch.equal(widened[..., :8], x)

    def test_noise_is_uniform_the_same_at_every_call_and_knows_no_label(self):
        images = digits_split(by_rows=True, noise=8).train
        again = digits_split(by_rows=True, noise=8).train
        assert torch.equal(images.pixels, again.pixels)
        x, labels = images.sequences(torch.arange(len(images)))
        noise = x[..., 8:].double()
        counts = torch.bincount((16 * noise).long().flatten(), minlength=17).double()
        expected = noise.numel() / 17
        assert ((counts - expected) ** 2 / expected).sum() < 39.25  # chi squared of 16 degrees, p = .001
        means = torch.stack([noise[:, labels == digit].mean() for digit in range(10)])
        spread = (24 / 16**2) ** 0.5 / (8 * 8 * torch.bincount(labels).double()).sqrt()  # variance (17^2 - 1)/12
        assert ((means - 0.5).abs() < 4 * spread).all()

    @pytest.mark.parametrize("width", [0, 3, 128])
    def test_rows_that_are_not_whole_are_refused(self, width):
        with pytest.raises(ValueError, match=f"width must divide the 64 pixels of an image, got {width}"):
            digits_split().train.by_rows(width)


def test_an_image_has_a_value_a_step():
    with pytest.raises(ValueError, match=r"^input_size must be at least 1 grey value a step, got 0$"):
        WholeImages(length=8, input_size=0)


def test_one_permutation_for_all_sets():
    split = digits_split()
    permuted = split.permuted()
    order = (
        Images(torch.arange(64, dtype=torch.uint8)[None], torch.zeros(1).long(), 64).permuted().pixels[0].long()
    )
    assert sorted(order.tolist()) == list(range(64))
    assert order.tolist() != list(range(64))
    for name in PART_NAMES:
        plain, shuffled = getattr(split, name), getattr(permuted, name)
        assert torch.equal(plain.pixels[:, order], shuffled.pixels)
        assert torch.equal(plain.labels, shuffled.labels)


def idx(values: torch.Tensor) -> bytes:
    """The authors' layout: zero, zero, 8 for unsigned bytes, dimensions, sizes, values."""
    head = bytes([0, 0, 8, values.dim()]) + struct.pack(f">{values.dim()}I", *values.shape)
    return head + bytes(values.flatten().tolist())


def write_mnist(folder: Path, train: int = MNIST_VALIDATION + 3, test: int = 4) -> dict[str, torch.Tensor]:
    """A folder of small files, one of them gzipped; the first pixels of an image tell its number."""
    written = {}
    for part, count in (("train", train), ("test", test)):
        images = torch.zeros(count, 28, 28, dtype=torch.uint8)
        images[:, 0, 0], images[:, 0, 1] = torch.arange(count) % 256, torch.arange(count) // 256
        labels = (torch.arange(count) % 10).to(torch.uint8)
        images_name, labels_name = mnist.FILES[part]
        (folder / images_name).write_bytes(idx(images))
        (folder / f"{labels_name}.gz").write_bytes(gzip.compress(idx(labels)))
        written[part] = images.flatten(1)
    return written


class TestMNIST:
    def test_the_files_are_read_plain_and_gzipped(self, tmp_path):
        written = write_mnist(tmp_path, train=12)
        images, labels = mnist.load(tmp_path, "train")
        assert torch.equal(images, written["train"])
        assert labels.tolist() == [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 0, 1]
        assert labels.dtype == torch.int64

    def test_its_training_images_are_split_and_its_test_set_is_its_own(self, tmp_path):
        written = write_mnist(tmp_path)
        split = mnist_split(tmp_path)
        assert [len(getattr(split, name)) for name in PART_NAMES] == [3, MNIST_VALIDATION, 4]
        assert torch.equal(split.test.pixels, written["test"])
        both = torch.cat([split.train.pixels, split.validation.pixels])
        assert len(both.unique(dim=0)) == MNIST_VALIDATION + 3
        assert split.train.largest == 255

    @pytest.mark.parametrize(
        ("content", "message"),
        [
            (b"", "is no IDX file of unsigned bytes; fetch it again"),
            (b"<html>not found</html>", "is no IDX file of unsigned bytes; fetch it again"),
            (bytes([0, 0, 13, 1, 0, 0, 0, 1, 5]), "is no IDX file of unsigned bytes; fetch it again"),
            (bytes([0, 0, 8, 3, 0, 0]), "is no IDX file of unsigned bytes; fetch it again"),
            (bytes([0, 0, 8]), "is no IDX file of unsigned bytes; fetch it again"),
            (bytes([0, 0, 8, 0, 5]), "is no IDX file of unsigned bytes; fetch it again"),
            (bytes([0, 0, 8, 200, *[0] * 799, 1, 5]), "is no IDX file of unsigned bytes; fetch it again"),
            (bytes([0, 0, 8, 1, 0, 0, 0, 4, 1, 2]), "announces 4 values and holds 2; fetch it again"),
            (bytes([0, 0, 8, 1, 0, 0, 0, 1, 1, 2]), "announces 1 values and holds more; fetch it again"),
            (
                bytes([0, 0, 8, 1, 0, 0, 0, 0]),
                "announces 0 values, from 1 to 100000000 are read; fetch it again",
            ),
            (
                bytes([0, 0, 8, 2, *[255] * 8, 1]),
                f"announces {(2**32 - 1) ** 2} values, from 1 to 100000000 are read; fetch it again",
            ),
        ],
    )
    def test_a_damaged_file_is_named(self, content, message, tmp_path):
        path = tmp_path / "file"
        path.write_bytes(content)
        with pytest.raises(ValueError) as caught:
            mnist.read_idx(path)
        assert str(caught.value) == f"{path} {message}"

    @pytest.mark.parametrize("damage", ["half", "no gzip", "flipped", "more"])
    def test_a_damaged_gzipped_file_is_named(self, damage, tmp_path):
        path = tmp_path / "file.gz"
        whole = gzip.compress(idx(torch.zeros(50, dtype=torch.uint8)))
        content = {
            "half": whole[:-9],
            "no gzip": b"<html>not found</html>",
            "flipped": whole[:12] + bytes([whole[12] ^ 6]) + whole[13:],
            "more": gzip.compress(idx(torch.zeros(50, dtype=torch.uint8)) + b"more"),
        }[damage]
        path.write_bytes(content)
        with pytest.raises(ValueError, match=r"file\.gz .*; fetch it again$"):
            mnist.read_idx(path)

    def test_every_flipped_bit_of_a_head_is_named(self, tmp_path):
        """A bit of the sizes changes how many values there should be."""
        path, whole = tmp_path / "file", idx(torch.zeros(3, 2, dtype=torch.uint8))
        for bit in range(8 * (4 + 4 * 2)):
            flipped = bytearray(whole)
            flipped[bit // 8] ^= 1 << bit % 8
            path.write_bytes(flipped)
            with pytest.raises(ValueError, match=r"; fetch it again$"):
                mnist.read_idx(path)

    def test_where_torchvision_keeps_them_they_are_found(self, tmp_path):
        raw = tmp_path / "MNIST" / "raw"
        raw.mkdir(parents=True)
        written = write_mnist(raw)
        assert torch.equal(mnist.load(tmp_path, "train")[0], written["train"])
        assert torch.equal(mnist.load(raw, "test")[0], written["test"])
        assert len(mnist_split(tmp_path).test) == 4

    def test_what_is_no_file_is_missing(self, tmp_path):
        write_mnist(tmp_path, train=2)
        path = tmp_path / mnist.FILES["train"][0]
        for make in (path.mkdir, lambda: os.mkfifo(path), lambda: path.symlink_to(path)):
            path.rmdir() if path.is_dir() else path.unlink()
            make()
            with pytest.raises(mnist.MissingFilesError) as caught:
                mnist.load(tmp_path, "train")
            assert (
                f"MNIST is not whole in {tmp_path} or {tmp_path / 'MNIST' / 'raw'}: no {path.name}, plain"
                in str(caught.value)
            )

    def test_a_label_that_is_no_digit_is_refused(self, tmp_path):
        write_mnist(tmp_path, train=3)
        path = tmp_path / mnist.FILES["train"][1]
        path.write_bytes(idx(torch.tensor([3, 138, 9], dtype=torch.uint8)))
        with pytest.raises(ValueError) as caught:
            mnist.load(tmp_path, "train")
        assert str(caught.value) == f"expected {path} to hold digits from 0 to 9, got 138; fetch it again"

    def test_fewer_images_than_validation_keeps_are_refused(self, tmp_path):
        write_mnist(tmp_path, train=3)
        with pytest.raises(ValueError) as caught:
            mnist_split(tmp_path)
        assert str(caught.value) == (
            f"expected MNIST in {tmp_path} to have more than the 5000 training images kept for validation, "
            "got 3; fetch its files again"
        )

    def test_images_of_another_size_are_refused(self, tmp_path):
        write_mnist(tmp_path, train=2)
        path = tmp_path / mnist.FILES["train"][0]
        path.write_bytes(idx(torch.zeros(2, 8, 8, dtype=torch.uint8)))
        with pytest.raises(ValueError) as caught:
            mnist.load(tmp_path, "train")
        assert str(caught.value) == f"expected {path} to hold 28 x 28 images, got shape (2, 8, 8)"

    def test_labels_that_do_not_match_are_refused(self, tmp_path):
        write_mnist(tmp_path, train=2)
        path = tmp_path / mnist.FILES["train"][1]
        path.write_bytes(idx(torch.zeros(3, dtype=torch.uint8)))
        with pytest.raises(ValueError) as caught:
            mnist.load(tmp_path, "train")
        assert str(caught.value) == f"expected {path} to hold one label for each of 2 images, got shape (3,)"
