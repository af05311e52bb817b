#include "ui/model/labs.h"

#include <fmt/format.h>

#include <algorithm>

namespace ringside::model {
namespace {

const LaneFrame* lane(const Frame& frame, Mode mode) {
  const auto it = std::find_if(frame.lanes.begin(), frame.lanes.end(),
                               [&](const LaneFrame& l) { return l.mode == mode; });
  return it == frame.lanes.end() ? nullptr : &*it;
}

bool focused_on(const Frame& frame, Mode mode) {
  return frame.focus < frame.lanes.size() && frame.lanes[frame.focus].mode == mode;
}

u64 caused(const Frame& frame, Mode mode, ExitTopic topic) {
  const LaneFrame* l = lane(frame, mode);
  return l ? l->by_topic[static_cast<std::size_t>(topic)] : 0;
}

bool everything_ended(const Frame& frame) {
  return !frame.lanes.empty() && std::all_of(frame.lanes.begin(), frame.lanes.end(), [](const LaneFrame& l) {
    return l.state == LaneState::Ended || l.state == LaneState::Unavailable;
  });
}

std::string most_exits(const Frame& frame) {
  if (!everything_ended(frame)) return {};
  const auto most =
      std::max_element(frame.lanes.begin(), frame.lanes.end(),
                       [](const LaneFrame& a, const LaneFrame& b) { return a.exit_count < b.exit_count; });
  return fmt::format("{} with {} exits", name(most->mode), most->exit_count);
}

std::string silent_count(const Frame& frame) {
  const LaneFrame* trap = lane(frame, Mode::Trap);
  if (!trap || trap->instructions == 0) return {};
  u64 executions = 0;
  for (const SilentSensitive& s : trap->silent) executions += s.count;
  return fmt::format("{} silent executions at {} places", executions, trap->silent.size());
}

std::vector<Lab> make_labs() {
  return {
      {"01",
       {{"Run the kernel to its end (F5)", "Press Run and wait until every card says how it ended.", "run",
         everything_ended},
        {"Focus the trap-and-emulate card", "Click the card titled Trap and emulate.", "card.trap.title",
         [](const Frame& f) { return focused_on(f, Mode::Trap); }},
        {"See page-table work dominate trap-and-emulate", "Compare the rows of the cards: page tables.",
         "card.trap.bar",
         [](const Frame& f) {
           return caused(f, Mode::Trap, ExitTopic::PageTables) > caused(f, Mode::Trap, ExitTopic::Devices);
         }},
        {"See nested paging take it away", "Hardware-assisted: next to no exits for page tables.",
         "card.hvm.bar",
         [](const Frame& f) {
           return caused(f, Mode::Hvm, ExitTopic::PageTables) * 10 <
                  caused(f, Mode::Trap, ExitTopic::PageTables);
         }},
        {"Re-price the run with pentium4-2006", "Choose the profile in the toolbar: nothing runs again.",
         "profile", [](const Frame& f) { return f.profile == "pentium4-2006"; }}},
       "Which technique has the most exits?",
       most_exits},
      {"02",
       {{"Open the guest 'sensitive'", "Menu Guest, sensitive.", "toolbar",
         [](const Frame& f) { return f.guest == "sensitive"; }},
        {"Run it (F5) and focus trap-and-emulate", "Click the card after the run.", "card.trap.title",
         [](const Frame& f) { return focused_on(f, Mode::Trap) && f.lanes[f.focus].instructions > 0; }},
        {"Find an exit SENSITIVE_INSTRUCTION in the list",
         "Type 'sensitive' into the filter of the exit list.", "events.filter",
         [](const Frame& f) {
           const LaneFrame* l = lane(f, Mode::Trap);
           return l && std::any_of(l->exits.begin(), l->exits.end(), [](const auto& e) {
                    return e.reason == ExitReason::SensitiveInstruction;
                  });
         }}},
       "How many instructions run silently on real x86 (--sensitive leak)?",
       silent_count},
  };
}

}  // namespace

std::span<const Lab> labs() {
  static const std::vector<Lab> all = make_labs();
  return all;
}

const Lab* find_tour(std::string_view id) {
  const auto all = labs();
  const auto it = std::find_if(all.begin(), all.end(), [&](const Lab& lab) { return lab.id == id; });
  return it == all.end() ? nullptr : &*it;
}

}  // namespace ringside::model
