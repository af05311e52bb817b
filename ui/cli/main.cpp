#include "ui/cli/program.h"

int main(int argc, char** argv) { return ringside::cli::program(argc, argv); }
