"""The tests that `make quick` leaves out because of their time.

`make quick` has a minute on two cores. A test that takes more than a second with all its parameters
is put here, and a whole file if its tests take more than three. The one exception is
tests/stream/test_same_bits.py, which is the shortest comparison of reference and kernels.
`make test` runs all of them. tests/test_house.py fails if an entry names no test, or if a package
of the service has no file of tests that is not listed.
"""

LONG = (
    "tests/advice/test_depth.py::test_the_recommended_weights_carry_thirty_layers",
    "tests/advice/test_rules.py",
    "tests/advice/test_weights_url.py",
    "tests/api/test_blocks_over_http.py",
    "tests/api/test_protocol.py::test_a_refused_client_cannot_stay",
    "tests/api/test_schemes_over_http.py",
    "tests/api/test_streaming.py",
    "tests/api/test_weights.py::test_url_json_and_shell_give_the_reference_bytes",
    "tests/clients/test_clients.py",
    "tests/clients/test_node_stream.py",
    "tests/clients/test_recipes.py",
    "tests/fields/test_refusals.py::test_nothing_breaks_the_parsers",
    "tests/initializers/test_activations.py::test_every_number_is_the_float64_nearest_the_exact_one",
    "tests/initializers/test_activations.py::test_the_printed_literals_are_those_of_the_table",
    "tests/initializers/test_truncation.py",
    "tests/models/test_models.py",
    "tests/peers/test_closed_form.py",
    "tests/peers/test_recorded.py",
    "tests/peers/test_rules.py",
    "tests/plan/test_canonical.py::test_the_canonical_spec_means_what_the_given_one_meant",
    "tests/plan/test_canonical.py::test_the_canonical_url_leads_to_itself_and_to_the_same_bytes",
    "tests/plan/test_extremes.py::test_in_float64_they_are_right_to_the_last_places",
    "tests/plan/test_fields.py::test_a_number_is_used_or_refused",
    "tests/plan/test_fields.py::test_every_scheme_takes_what_describes_the_layer",
    "tests/plan/test_fields.py::test_no_scheme_takes_a_layer_that_cannot_be",
    "tests/plan/test_orders.py::test_one_url_is_one_file",
    "tests/plan/test_orders.py::test_the_pairs_find_it",
    "tests/plan/test_refusals.py::test_no_number_breaks_the_plan",
    "tests/plan/test_rounded.py::test_a_fine_grid_changes_next_to_nothing",
    "tests/plan/test_rounded.py::test_a_sample_that_is_cast_agrees",
    "tests/plan/test_rounded.py::test_what_is_told_is_possible",
    "tests/stream/test_accuracy.py",
    "tests/stream/test_assembler.py",
    "tests/stream/test_boxes.py::test_any_cut_of_any_box_is_picked_out_of_a_run",
    "tests/stream/test_casts.py::test_draws_of_random_constants_are_cast",
    "tests/stream/test_everywhere.py",
    "tests/stream/test_kernel_cache.py",
    "tests/stream/test_mutants.py",
    "tests/stream/test_rounding.py",
    "tests/stream/test_statistics.py",
    "tests/stream/test_vectors.py::test_edge_words_become_the_vectors_values",
    "tests/test_cli.py",
    "tests/test_cli_endings.py",
    "tests/test_container.py",
    "tests/test_dtypes.py::test_a_row_is_enough",
    "tests/test_floors.py::test_a_wrong_import_is_found",
    "tests/test_hints.py::test_no_hint_leads_back_to_its_own_refusal",
    "tests/test_install.py",
    "tests/test_readme.py",
    "tests/test_serving.py",
)
"""The beginnings of test ids: a file, or one test in it with all its parameters."""
