# SPDX-License-Identifier: Apache-2.0
# The package: headers, and the CMake files that find_package(mmdl [COMPONENTS data gpu]) reads.
include(GNUInstallDirs)
include(CMakePackageConfigHelpers)

set(mmdl_package_folder "${CMAKE_INSTALL_DATADIR}/cmake/mmdl")

install(DIRECTORY include/mmdl DESTINATION "${CMAKE_INSTALL_INCLUDEDIR}" FILES_MATCHING PATTERN "*.hpp")
install(FILES LICENSE DESTINATION "${CMAKE_INSTALL_DATADIR}/licenses/mmdl")
install(TARGETS mmdl EXPORT mmdl)
install(TARGETS mmdl_data EXPORT mmdl_data)
install(TARGETS mmdl_gpu EXPORT mmdl_gpu)
install(EXPORT mmdl NAMESPACE mmdl:: FILE mmdlTargets.cmake DESTINATION "${mmdl_package_folder}")
install(EXPORT mmdl_data NAMESPACE mmdl:: FILE mmdlDataTargets.cmake DESTINATION "${mmdl_package_folder}")
install(EXPORT mmdl_gpu NAMESPACE mmdl:: FILE mmdlGpuTargets.cmake DESTINATION "${mmdl_package_folder}")
install(FILES cmake/cuda.cmake cmake/kernels.cmake DESTINATION "${mmdl_package_folder}")

configure_package_config_file(cmake/mmdlConfig.cmake.in "${PROJECT_BINARY_DIR}/mmdlConfig.cmake"
                              INSTALL_DESTINATION "${mmdl_package_folder}")
write_basic_package_version_file("${PROJECT_BINARY_DIR}/mmdlConfigVersion.cmake"
                                 COMPATIBILITY SameMinorVersion ARCH_INDEPENDENT)
install(FILES "${PROJECT_BINARY_DIR}/mmdlConfig.cmake" "${PROJECT_BINARY_DIR}/mmdlConfigVersion.cmake"
        DESTINATION "${mmdl_package_folder}")
