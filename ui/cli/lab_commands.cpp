#include "ui/cli/lab_commands.h"

#include <CLI/CLI.hpp>

#include "ui/papers/for_labs.h"

namespace ringside::cli {

Action declare_lab(CLI::App& lab, const Words&) {
  const auto given = std::make_shared<LabOptions>();
  LabOptions& o = *given;
  lab.require_subcommand(1);
  CLI::App& list = *lab.add_subcommand("list", "what there is");
  list.add_flag("--json", o.json, "as JSON");
  CLI::App& start = *lab.add_subcommand("start", "copy a lab's starter into a folder of yours");
  start.add_option("name", o.name, "number or name")->required()->type_name("LAB");
  start.add_option("folder", o.folder, "where to; the lab's name without it")->type_name("FOLDER");
  start.add_option("--student", o.student, "who you are to the course: your numbers depend on it")
      ->type_name("ID");
  CLI::App& check = *lab.add_subcommand("check", "build and check your work");
  check.add_option("name", o.name, "number or name")->required()->type_name("LAB");
  check.add_option("folder", o.folder, "where it is; here, or the lab's name, without it")
      ->type_name("FOLDER");
  check.add_option("--student", o.student, "instead of what student.txt says")->type_name("ID");
  check.add_flag("--json", o.json, "ringside/lab/v1 on standard output");
  CLI::App& grade = *lab.add_subcommand("grade", "check many submissions, each in a process of its own");
  grade.add_option("name", o.name, "number or name")->required()->type_name("LAB");
  grade.add_option("folders", o.folders, "the submissions; a folder of folders counts as all of them")
      ->required()
      ->type_name("DIR");
  grade.add_option("--format", o.format, "table, json, gradescope, classroom50, junit, tap or csv")
      ->capture_default_str()
      ->type_name("FORMAT");
  grade
      .add_option("--output", o.output,
                  "file; a folder for the formats with a file per submission. Without it: standard output")
      ->type_name("PATH");
  grade.add_option("--student", o.student, "for a single submission, instead of what student.txt says")
      ->type_name("ID");
  grade.add_option("--jobs", o.jobs, "submissions at a time; 0 = one per processor")
      ->capture_default_str()
      ->type_name("N");
  grade.add_option("--shard", o.shard, "grade only this share, for independent jobs")
      ->capture_default_str()
      ->type_name("I/N");
  CLI::App& answers = *lab.add_subcommand("answers", "for teachers: the figures that a student's runs give");
  answers.add_option("name", o.name, "number or name")->required()->type_name("LAB");
  answers.add_option("--student", o.student, "whose")->required()->type_name("ID");
  CLI::App& package = *lab.add_subcommand("package", "an autograder for upload");
  package.add_option("name", o.name, "number or name")->required()->type_name("LAB");
  package.add_flag("--gradescope", o.gradescope, "as Gradescope's zip: setup.sh, run_autograder")->required();
  package.add_option("--output", o.output, "file; NAME-gradescope.zip without it")->type_name("FILE.zip");
  return [given, &list, &start, &check, &answers, &package] {
    const LabOptions& o = *given;
    papers::give_to_labs();
    if (list.parsed()) return lab_list(o);
    if (start.parsed()) return lab_start(o);
    if (check.parsed()) return lab_check(o);
    if (answers.parsed()) return lab_answers(o);
    if (package.parsed()) return lab_package(o);
    return lab_grade(o);
  };
}

}  // namespace ringside::cli
