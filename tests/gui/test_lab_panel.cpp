// The lab panel does what `ringside lab start` and `ringside lab check` do, with the real program behind it.
#include <thread>

#include "tests/gui/driver.h"
#include "tests/labs/submission.h"

using namespace ringside;
using namespace ringside::gui;

namespace {

void finish_check(Driver& d) {
  for (int i = 0; i < 2400 && d.app.labs.busy(); ++i) {
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
    d.frame();
  }
  REQUIRE_FALSE(d.app.labs.busy());
  d.frame(2);
}

void set_folder(Driver& d, const std::string& folder) {
  REQUIRE(folder.size() < sizeof d.app.ui.lab_folder);
  std::copy_n(folder.c_str(), folder.size() + 1, d.app.ui.lab_folder);
}

}  // namespace

TEST_CASE("The lab panel starts and checks a lab as the command line does") {
  Driver d({.guest = "hello"}, 1600, 1600, 1, Theme::Dark, RINGSIDE_PROGRAM);
  d.app.ui.show_labs = true;
  d.frame(2);
  const labs::Definition& lab = d.app.labs.labs().front();
  REQUIRE(lab.id == "01");
  d.click("lab.tour");  // closed: what is to be handed in moves up
  for (const labs::Step& s : lab.steps) {
    INFO(s.id);
    CHECK(d.app.layout().find("lab.step." + s.id));
  }
  d.click("lab.point1");
  CHECK(d.app.ui.highlight == lab.steps[1].show);

  const auto folder = test::lab_scratch("panel") / "work";
  set_folder(d, folder.string());
  d.click("lab.start");
  finish_check(d);
  CHECK(std::filesystem::exists(folder / "student.txt"));
  CHECK_THAT(d.app.labs.notice(), test::contains("ringside lab check 01"));

  // The starter builds and earns nothing; every open step has its reason.
  d.click("lab.grade");
  finish_check(d);
  const labs::Grade* grade = d.app.labs.grade(lab);
  REQUIRE(grade);
  CHECK(grade->points() == 0);
  CHECK(grade->steps[0].done);
  CHECK_FALSE(grade->steps[1].reason.empty());
  CHECK(d.app.layout().find("lab.points"));

  // The solution earns everything.
  const auto solution = test::submission(lab, "solution", "panel");
  set_folder(d, solution.string());
  d.click("lab.grade");
  finish_check(d);
  REQUIRE(d.app.labs.grade(lab));
  CHECK(d.app.labs.grade(lab)->points() == lab.points());

  // No such folder: the program's own words.
  set_folder(d, (folder / "nowhere").string());
  d.click("lab.grade");
  finish_check(d);
  CHECK_FALSE(d.app.labs.grade(lab));
  CHECK_THAT(d.app.labs.notice(), test::contains("is no folder"));
  std::filesystem::remove_all(folder.parent_path());
  std::filesystem::remove_all(solution);
}
