// Nothing overlaps, nothing is clipped, everything can be read: every view at every size, in both themes.
#include <algorithm>

#include "tests/gui/driver.h"

using namespace ringside;
using namespace ringside::gui;

namespace {

bool overlap(const Rect& a, const Rect& b) {
  constexpr float kSlack = 1;
  return a.x0 + kSlack < b.x1 && b.x0 + kSlack < a.x1 && a.y0 + kSlack < b.y1 && b.y0 + kSlack < a.y1;
}

struct Size {
  int width, height;
  float scale;
};

}  // namespace

TEST_CASE("Every view holds at every size") {
  const Size size = GENERATE(Size{1280, 720, 1}, Size{1600, 900, 1}, Size{2560, 1440, 2});
  const View view = GENERATE(View::Compare, View::Inspect, View::Memory);
  const bool labs = GENERATE(false, true);
  const std::size_t focus = view == View::Inspect ? GENERATE(1, 3) : 1;
  Driver d({.guest = "kernel", .command_line = "run=forkwait"}, size.width, size.height, size.scale);
  d.app.ui.view = view;
  d.app.ui.show_labs = labs;
  d.core.execute(model::command::Focus{focus});
  d.core.execute(model::command::Seek{4'000'000});
  d.frame(4);
  INFO(size.width << "x" << size.height << " view " << static_cast<int>(view) << " labs " << labs);
  const auto& panes = d.app.layout().panes();
  for (const auto& [name, rect] : panes) {
    INFO("pane " << name);
    CHECK(rect.x0 >= 0);
    CHECK(rect.y0 >= 0);
    CHECK(rect.x1 <= static_cast<float>(size.width) + 1);
    CHECK(rect.y1 <= static_cast<float>(size.height) + 1);
    if (name.starts_with("split.") || name == "menu") continue;
    CHECK(rect.width() > 40);
    for (const auto& [other, other_rect] : panes)
      if (name < other) {
        INFO("and pane " << other);
        CHECK_FALSE(overlap(rect, other_rect));
      }
  }
  const auto& items = d.app.layout().items();
  for (std::size_t i = 0; i < items.size(); ++i) {
    INFO("item " << items[i].name << " in " << items[i].pane << " at " << items[i].rect.x0 << ","
                 << items[i].rect.y0 << " to " << items[i].rect.x1 << "," << items[i].rect.y1);
    CHECK(items[i].text_fits);
    if (items[i].pane == "devices" || items[i].pane == "vmcs") CHECK_FALSE(items[i].shortened);
    CHECK(items[i].rect.x1 <= panes.at(items[i].pane).x1 + 1);
    for (std::size_t j = i + 1; j < items.size(); ++j) {
      if (items[i].row || items[j].row || items[i].popup || items[j].popup ||
          items[i].pane != items[j].pane || !overlap(items[i].rect, items[j].rect))
        continue;
      INFO("and item " << items[j].name << " at " << items[j].rect.x0 << "," << items[j].rect.y0 << " to "
                       << items[j].rect.x1 << "," << items[j].rect.y1);
      CHECK(false);
    }
  }
}

TEST_CASE("Text is readable on every background of both themes") {
  for (Theme theme : {Theme::Dark, Theme::Light}) {
    Driver d({.guest = "hello"}, 800, 600, 1, theme);
    const Palette& p = palette();
    for (ImU32 ink : {p.text, p.dim, p.accent, p.good, p.bad, p.warning})
      for (ImU32 paper : {p.panel, p.background}) CHECK(contrast(ink, paper) >= 4.5);
    for (ImU32 paper : {p.current_row, p.trapping_row, p.silent_row, p.selection})
      CHECK(contrast(p.text, paper) >= 4.5);
    for (Mode mode : all_modes()) {
      CHECK(contrast(text(mode), p.panel) >= 4.5);
      CHECK(contrast(on_fill(), fill(mode)) >= 4.5);
    }
    for (int b = 0; b < static_cast<int>(Bucket::kCount); ++b)
      CHECK(contrast(on_fill(), fill(static_cast<Bucket>(b))) >= 4.5);
  }
}

TEST_CASE("Equal frames give equal pictures") {
  const auto draw = [] {
    Driver d({.guest = "hello"}, 1280, 720);
    return d.headless.picture().pixels;
  };
  CHECK(draw() == draw());
}
