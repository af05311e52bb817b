// The rasteriser draws anew only what has changed.
#include <SDL_keycode.h>

#include "tests/gui/driver.h"

using namespace ringside;
using namespace ringside::gui;

namespace {

bool shows_what_a_fresh_one_would(const Driver& d) {
  Raster fresh;
  Picture whole(d.headless.picture().width, d.headless.picture().height);
  fresh.draw(*ImGui::GetDrawData(), whole, palette().background);
  return whole.pixels == d.headless.picture().pixels;
}

u64 pixels_changed(const Driver& d) {
  u64 sum = 0;
  for (const PixelRect& r : d.headless.changed()) sum += static_cast<u64>((r.x1 - r.x0) * (r.y1 - r.y0));
  return sum;
}

}  // namespace

TEST_CASE("A picture drawn in parts is the picture drawn whole") {
  Driver d({.guest = "kernel", .command_line = "run=forkwait"});
  d.core.execute(model::command::Seek{3'000'000});
  d.frame(3);
  CHECK(shows_what_a_fresh_one_would(d));
  d.frame();
  CHECK(d.headless.changed().empty());  // nothing has
  d.press(SDLK_F11);
  CHECK(shows_what_a_fresh_one_would(d));
  for (int i = 0; i < 12; ++i) {
    d.core.execute(model::command::Step{1 + 700u * static_cast<u64>(i)});
    d.frame();
    CHECK(pixels_changed(d) > 0);
    CHECK(pixels_changed(d) < 1600u * 900u / 2);
    CHECK(shows_what_a_fresh_one_would(d));
  }
  for (const int key : {SDLK_2, SDLK_3, SDLK_1}) {
    d.press(key, true);
    CHECK(shows_what_a_fresh_one_would(d));
  }
  d.hover("register.EIP");
  CHECK(shows_what_a_fresh_one_would(d));
  d.app.ui.theme = Theme::Light;
  apply_theme(Theme::Light, 1);
  d.frame();
  CHECK(pixels_changed(d) == 1600u * 900u);
  CHECK(shows_what_a_fresh_one_would(d));
}
