"""The README's picture of the page, with the example song separated and playing: `python -m docs.make_page_picture`.

Needs the built page and Chromium: `make page-picture` builds the page first.
"""

from __future__ import annotations

from pathlib import Path

PICTURE = Path(__file__).parents[1] / "web_demo" / "page.png"
WIDTH, MARGIN = 960, 12  # pixels; the margin is what is below the spectrograms
# The page draws one column of its spectrograms in each animation frame, while it plays.
_FILL = """(canvas) => new Promise((filled) => {
  let columns = canvas.width;
  const count = () => (columns-- > 0 ? requestAnimationFrame(count) : filled());
  count();
})"""


def draw_page(path: Path) -> None:
    """Writes a picture of the page from its top to its spectrograms, which are full.

    Raises:
        ValueError: Chromium or the files of the page are missing.
    """
    from benchmarks.measure.browser import page_in_chromium

    with page_in_chromium() as (browser, url):
        page = browser.new_page(viewport={"width": WIDTH, "height": 900}, color_scheme="dark")
        page.set_default_timeout(120_000)
        page.goto(url)
        page.locator("html[data-model]").wait_for(state="attached")
        page.click("#example")
        page.get_by_role("button", name="Pause").click()  # to separate without playing and drawing
        page.locator("html[data-state=separated]").wait_for(state="attached")
        page.get_by_role("slider", name="Position").fill("0")
        page.click("#karaoke")
        page.get_by_role("button", name="Play").click()
        page.locator("#mixture-view").evaluate(_FILL)
        box = page.locator("#spectrograms").bounding_box()
        assert box
        height = box["y"] + box["height"] + MARGIN
        page.screenshot(path=path, clip={"x": 0, "y": 0, "width": WIDTH, "height": height}, full_page=True)


def main() -> None:
    """Writes the picture into web_demo."""
    draw_page(PICTURE)


if __name__ == "__main__":
    main()
