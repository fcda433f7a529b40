"""The tests that need the machine to themselves, because of what they measure.

tests/__main__.py runs them in its second round, one at a time. A test is put here if it compares
two times, allows less than three times what it takes alone, or fails when another test keeps both
cores busy for a second. A limit of seconds on what takes milliseconds needs no entry.
tests/test_house.py fails if an entry names no test.
"""

ALONE = (
    # Moments of tenths of a second in which something must or must not happen.
    "tests/api/test_admission.py",
    "tests/api/test_streaming.py",
    "tests/front/test_keys.py::test_the_lock_does_not_hold_what_is_not_stored",
    "tests/front/test_keys.py::test_the_lock_outlasts_matrices",
    "tests/test_cli_fetch.py::test_parts_are_requested_at_the_same_time",
    "tests/test_cli_fetch.py::test_slow_parts_that_make_progress_are_not_repeated",
    "tests/test_handing_over.py",
    "tests/test_server_accepting.py",
    "tests/page/test_reach.py::test_the_first_view_is_fast",
    # How long others wait while the server is busy.
    "tests/api/test_hostile_models.py::test_others_are_answered_while_many_models_are_planned",
    "tests/api/test_models.py::test_small_requests_are_answered_while_a_model_is_planned",
    "tests/api/test_propagate.py::test_a_hostile_body_costs_little",
    "tests/api/test_propagate.py::test_a_second_simulation_is_told_to_wait",
    "tests/api/test_propagate.py::test_an_answer_is_what_the_document_says",
    "tests/api/test_propagate.py::test_the_loop_answers_while_it_simulates",
    "tests/test_serving.py::test_answers_on_a_kept_connection_do_not_wait",
    # Limits of two to three times what is usual.
    "tests/api/test_model_page.py::test_200_000_tensors_are_bounded_in_time_and_size",
    "tests/api/test_model_page.py::test_long_names_are_bounded",
    "tests/api/test_models.py::test_nothing_is_planned_for_clients_that_have_left",
    # Ratios of two times.
    "tests/api/test_block_digests.py::test_digests_do_not_hold_the_loop",
    "tests/api/test_holding.py",
    "tests/api/test_propagate.py::test_the_same_simulation_is_made_once",
    "tests/front/test_orthogonal.py",
    "tests/initializers/test_index_kernels.py::test_no_small_answer_is_much_slower_than_a_plain_one",
    "tests/stream/test_cost.py::test_an_awkward_chunk_takes_about_as_long_as_it_costs",
    # Processes that are killed, stopped or replaced while they serve, and loads of many clients.
    "tests/front/test_chaos.py",
    "tests/load/test_accidents.py",
    "tests/load/test_attacks.py",
    "tests/load/test_faults.py",
    "tests/test_cli_signals.py",
    "tests/test_drain.py",
    "tests/test_workers.py",
    # Memory and processor time of a server that sends as fast as it can.
    "tests/api/test_matrices.py::test_the_memory_of_ranges_is_bounded",
    "tests/api/test_size.py",
    "tests/audit/test_command.py::test_a_zipped_array_in_fortran_order_is_kept_once",
    "tests/audit/test_command.py::test_memory_does_not_grow",
    "tests/front/test_large.py",
)
"""The beginnings of test ids: a file, or one test in it with all its parameters."""
