#include "ui/model/fault_story.h"

#include <algorithm>

namespace ringside::model {
namespace {

constexpr std::string_view kPermit = "Do the guest's own page tables permit the access?";

constexpr std::array kTrap{
    Decision{kPermit, false, "A true fault: it goes to the guest's own handler, as on bare metal.",
             ExitReason::TruePageFault},
    Decision{"Is the page RAM?", false, "A device: the monitor carries the access out on its model.",
             ExitReason::Mmio},
    Decision{"Is it a write to a page table that has a shadow?", true,
             "Traced: the monitor carries the write out and brings the shadow up to date.",
             ExitReason::ShadowPageTableWrite},
    Decision{"Does the shadow lack the translation, or the right to write?", true,
             "A hidden fault, of which the guest knows nothing: the monitor fills the shadow entry.",
             ExitReason::ShadowPageFault},
};
constexpr std::array kPara{
    Decision{"Do the page tables, which are the guest's own, permit the access?", false,
             "A true fault: the monitor bounces it to the guest's handler.", ExitReason::TruePageFault},
    Decision{"Is anything else in the way?", false,
             "No fault: the processor walks tables that the monitor has validated before.", std::nullopt},
};
constexpr std::array kHvm{
    Decision{kPermit, false, "The guest's own handler gets it straight from the processor: no exit.",
             std::nullopt},
    Decision{"Do the nested tables map the guest-physical page?", true, "No fault.", std::nullopt},
    Decision{"Is the page RAM?", true, "Used for the first time: the monitor maps it in the nested tables.",
             ExitReason::EptViolation},
    Decision{"So it is a device?", true,
             "The monitor decodes the instruction and carries it out on its model.", ExitReason::Mmio},
};
constexpr std::array kNative{
    Decision{"Do the page tables permit the access?", false,
             "The processor delivers #PF to the kernel's handler. Nobody stands between them.", std::nullopt},
};

std::optional<std::size_t> settled_by(std::span<const Decision> decisions, ExitReason reason) {
  const auto it =
      std::find_if(decisions.begin(), decisions.end(), [&](const Decision& d) { return d.exit == reason; });
  if (it == decisions.end()) return std::nullopt;
  return static_cast<std::size_t>(it - decisions.begin());
}

}  // namespace

std::span<const Decision> page_decisions(Mode mode) {
  switch (mode) {
    case Mode::Native: return kNative;
    case Mode::Trap: return kTrap;
    case Mode::Para: return kPara;
    case Mode::Hvm: return kHvm;
    case Mode::Kvm: break;
  }
  return {};
}

FaultStory why_did_it_fault(const LaneFrame& lane, const ExitRecord* chosen) {
  FaultStory story{.decisions = page_decisions(lane.mode)};
  const auto tell = [&](const ExitRecord& e) {
    const auto settled = settled_by(story.decisions, e.reason);
    if (!settled) return false;
    story.exit = e;
    story.settled = *settled;
    return true;
  };
  if (chosen && tell(*chosen)) return story;
  if (lane.last_page_exit) tell(*lane.last_page_exit);
  return story;
}

}  // namespace ringside::model
