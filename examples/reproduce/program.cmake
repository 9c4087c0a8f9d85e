# SPDX-License-Identifier: Apache-2.0
# The program itself. Its networks are types: MMDL_REPRODUCE_BACKBONES says over which backbones it is built.
set(MMDL_REPRODUCE_BACKBONES "small;mobilenet;resnet101" CACHE STRING "The backbones of reproduce")
set(MMDL_REPRODUCE_LABELS 320 CACHE STRING "Labels that reproduce has room for")
set(MMDL_REPRODUCE_TAGS 1000 CACHE STRING "Tags that reproduce has room for")

set(declarations "")
set(entries "")
set(studies "")
foreach(backbone IN LISTS MMDL_REPRODUCE_BACKBONES)
  if(NOT EXISTS "${CMAKE_CURRENT_SOURCE_DIR}/studies/${backbone}.cpp")
    message(FATAL_ERROR "mmdl: MMDL_REPRODUCE_BACKBONES: found '${backbone}', expected small, mobilenet or resnet101")
  endif()
  list(APPEND studies "studies/${backbone}.cpp" "studies/${backbone}_methods.cpp")
  string(APPEND declarations "StudyEntry ${backbone}_study();\n")
  string(APPEND entries "    all.push_back(${backbone}_study());\n")
endforeach()
configure_file(studies.cpp.in generated/studies.cpp @ONLY)

mmdl_own_program(reproduce DATA SOURCES main.cpp data.cpp features.cpp methods.cpp recipe.cpp scoring.cpp stage.cpp workspace.cpp
                 ../annotate/progress.cpp ${studies} "${CMAKE_CURRENT_BINARY_DIR}/generated/studies.cpp")
target_include_directories(reproduce PRIVATE "${CMAKE_CURRENT_SOURCE_DIR}")
target_compile_definitions(reproduce PRIVATE MMDL_REPRODUCE_LABELS=${MMDL_REPRODUCE_LABELS}
                                             MMDL_REPRODUCE_TAGS=${MMDL_REPRODUCE_TAGS})
target_link_libraries(reproduce PRIVATE reproduce_report CLI11::CLI11)
set_target_properties(reproduce PROPERTIES RUNTIME_OUTPUT_DIRECTORY "${CMAKE_CURRENT_BINARY_DIR}/..")

if(MMDL_BUILD_TESTS AND "small" IN_LIST MMDL_REPRODUCE_BACKBONES)
  find_program(MMDL_BASH bash REQUIRED)
  add_test(NAME program.reproduce COMMAND "${MMDL_BASH}" "${PROJECT_SOURCE_DIR}/tests/programs/reproduce.sh"
                                          "$<TARGET_FILE:reproduce>")
  set_tests_properties(program.reproduce PROPERTIES PROCESSORS 2 TIMEOUT 900 ENVIRONMENT "OMP_NUM_THREADS=2")
endif()
