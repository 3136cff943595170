"""Which test covers what the documentation says; pages for users do not name tests.

A test is called by its name alone, wherever its file is; `tests/test_docs.py` checks that each is
there, that no parameter or guarantee is without one, and that no fault is left out.
"""

from __future__ import annotations

from typing import NamedTuple


class Fault(NamedTuple):
    """A fault of MNE's function that this package does not have."""

    in_mne: str
    here: str
    test: str


#: Seen in MNE 1.13.2; each test shows the outcome of MNE beside the one of this package.
FAULTS = (
    Fault(
        "Sources go missing where the first sample of the data is exactly zero (after a window or "
        "a crop) and `time_pca=False`",
        "They are found, with a certified gap",
        "test_1_first_sample_zero",
    ),
    Fault(
        "SURE with `n_mxne_iter=2` does not reweight",
        "It does",
        "test_2_sure_reweights_with_two_iterations",
    ),
    Fault(
        "SURE with `debias=True` reweights debiased amplitudes, and finds other sources than a "
        "call with the `alpha` that it chose",
        "Both find the same sources",
        "test_2_sure_reweights_what_is_not_debiased",
    ),
    Fault(
        "SURE solves each alpha from zero, twice",
        "Two paths, each solve started from the one before",
        "test_1_4_sure_is_warm_started",
    ),
    Fault(
        "Warnings of SURE do not say at which alpha a solve fell short",
        "They name the alpha and the data",
        "test_1_4_sure_warnings_name_alpha_and_data",
    ),
    Fault(
        "SURE is silent where it chooses an end of its grid",
        "A warning",
        "test_1_4_sure_at_the_edge_is_said",
    ),
    Fault(
        "The solvers compare an absolute gap, so that data in small units give an empty answer "
        'called "converged"',
        "The gap is relative to the data",
        "test_3_tolerance_is_relative",
    ),
    Fault(
        "Data of zeros raise a `ZeroDivisionError`",
        "An empty estimate and a warning",
        "test_5_zero_data",
    ),
    Fault(
        "A location that no sensor sees breaks the solver",
        "It stays without a source",
        "test_5_zero_columns",
    ),
    Fault(
        "Data in single precision raise an `AssertionError` without a text",
        "They are solved",
        "test_6_single_precision",
    ),
    Fault(
        "Debiasing depends on the units, and may stop early without a warning",
        "It is solved to the end in any unit",
        "test_9_debiasing_does_not_depend_on_units",
    ),
    Fault(
        "SURE keeps every row of every answer in memory",
        "Only the rows of active locations",
        "test_12_sure_keeps_active_rows_only",
    ),
    Fault(
        "Each round of reweighting starts from zero",
        "From the answer of the round before",
        "test_14_reweighting_goes_on_from_the_last_answer",
    ),
    Fault(
        "Near `alpha=100` it depends on `n_mxne_iter` whether the estimate is empty",
        "It does not",
        "test_15_empty_does_not_depend_on_the_loop",
    ),
    Fault(
        "EEG without an average reference is refused even where the forward solution holds MEG "
        "only",
        "EEG that is not used is not checked",
        "test_reference_of_eeg_that_is_not_used",
    ),
    Fault(
        "`make_stc_from_dipoles` fails on an empty list, on a single sample, and on dipoles out of "
        "order or read from a file",
        "A source estimate",
        "test_dipoles_that_mne_has_no_answer_for",
    ),
    Fault(
        "The forward solution of one hemisphere is solved, then a `ValueError` is raised",
        "A source estimate",
        "test_one_hemisphere",
    ),
    Fault(
        "A channel with next to no variance in the noise covariance decides the answer alone",
        "It is left out, with a warning",
        "test_a_channel_of_no_plausible_noise_is_left_out",
    ),
    Fault(
        "Evokeds of different compensation grades are solved as one problem",
        "An error",
        "test_an_operator_refuses_another_compensation_grade",
    ),
    Fault(
        '`rank={"mag": 80}` is ignored where there are gradiometers, too',
        "A warning names the key that acts",
        "test_ranks_that_do_not_act",
    ),
    Fault(
        "Calls in threads that share data fail or skip epochs, and leave another log level",
        "They do neither",
        "test_threads_share_objects",
    ),
    Fault(
        "Warnings vanish where MNE's log level is above `WARNING`",
        "They are Python's own warnings",
        "test_16_warnings_do_not_depend_on_the_log_level",
    ),
    Fault(
        "`tf_mixed_norm`: the dual norm, and with it alpha_max, is too small where one coefficient "
        "stands out",
        "It is exact",
        "test_one_dominant_coefficient",
    ),
    Fault(
        "`tf_mixed_norm`: the gaps of its reweighted problems leave out the weights, so that they "
        "are none",
        "Every round is certified",
        "test_weights_of_coefficients",
    ),
    Fault(
        "`tf_mixed_norm` and `gamma_map`: no active source is an exception",
        "An empty estimate and a warning",
        "test_no_source_is_no_exception",
    ),
    Fault(
        "`tf_mixed_norm`: a missing `alpha` or `l1_ratio` is an error that names neither",
        "The error says what to give",
        "test_missing_arguments_are_named",
    ),
    Fault(
        "`tf_mixed_norm` and `gamma_map` take one evoked",
        "Several, epochs and recordings, too",
        "test_several_evokeds",
    ),
)

#: The tests of each parameter of `mixed_norm`; those of a difference from MNE's among them.
PARAMETERS = {
    "evoked": ("test_epochs_are_averaged",),
    "forward": ("test_mixed_source_space",),
    "noise_cov": ("test_agreement_on_the_cortex",),
    "alpha": ("test_8_alpha_zero", "test_alpha_below_one_percent"),
    "loose": ("test_agrees_with_mne",),
    "depth": ("test_depth",),
    "maxit": ("test_convergence_warning_passes_through", "test_10_maxit_is_a_budget"),
    "tol": ("test_localization_keeps_what_was_solved",),
    "active_set_size": ("test_solvers_agree",),
    "debias": ("test_debiased_fit_is_no_worse_than_mnes",),
    "time_pca": ("test_truncated_time_agrees_with_mne",),
    "weights": ("test_weights_from_dspm",),
    "weights_min": ("test_weights_from_dspm",),
    "solver": ("test_solvers_agree",),
    "n_mxne_iter": ("test_4_reweighting_has_a_tolerance_of_its_own",),
    "return_residual": ("test_data_is_fit_plus_residual",),
    "return_as_dipoles": ("test_dipoles_are_the_estimate",),
    "dgap_freq": ("test_dgap_freq",),
    "rank": ("test_rank",),
    "pick_ori": ("test_vector_has_the_magnitude_of_the_scalar",),
    "sure_alpha_grid": ("test_1_4_sure_at_the_edge_is_said", "test_grid_without_sure"),
    "verbose": ("test_16_warnings_do_not_depend_on_the_log_level",),
    "rng": ("test_streams",),
    "random_state": ("test_streams",),
    "surrogate": ("test_surrogate",),
    "amplitude_unit": ("test_amplitude_unit",),
    "n_threads": ("test_n_threads",),
    "time_limit": ("test_time_limit",),
    "sure_sigma": ("test_2_sure_assumes_the_level_of_the_data",),
    "sure_directions": ("test_sure_directions",),
    "return_solution": ("test_each_epoch_is_solved_by_itself",),
    "allow_small_alpha": ("test_alpha_below_one_percent",),
}

#: The tests of each guarantee in docs/guarantees.md, by the words in bold that it begins with.
GUARANTEES = {
    "Every argument is checked": ("test_case", "test_strange_calls"),
    "Strange input is safe.": (
        "test_case",
        "test_strange_calls",
        "test_judge_sees_a_planted_fault",
    ),
    "Your arrays stay as they are.": ("test_the_arrays_of_the_caller_are_never_changed",),
    "A solve works on copies.": ("test_data_may_be_overwritten_and_freed_while_it_is_solved",),
    "Arrays may change while they are read.": (
        "test_arrays_may_change_during_the_solve",
        "test_a_gain_overwritten_while_it_is_prepared_is_no_crash",
    ),
    "Units do not matter.": ("test_powers_of_two_change_no_bit", "test_case"),
    "Too little memory is an error.": ("test_too_little_memory_is_an_error",),
    "Each answer is certified.": ("test_case", "test_every_answer_is_certified"),
    "Status and warning tell the truth.": (
        "test_iteration_limit_is_kept_and_confessed",
        "test_judge_sees_a_planted_fault",
    ),
    "A limit returns what is there": (
        "test_a_time_limit_ends_any_phase",
        "test_a_time_limit_is_for_all_problems_together",
    ),
    "A solve ends where rounding ends it": (
        "test_progress_ended_by_rounding_is_a_status_of_its_own",
        "test_slow_progress_is_not_called_a_stall",
    ),
    "Results repeat to the last bit": (
        "test_no_bit_depends_on_threads_or_repetition",
        "test_eight_threads_on_one_gain_answer_as_one",
    ),
    "Ctrl-C works in every phase": ("test_ctrl_c_in_every_phase",),
    "Signal handlers run during a solve.": (
        "test_exception_of_a_signal_handler_is_the_callers",
        "test_a_signal_handler_may_solve",
        "test_a_signal_handler_may_fork",
        "test_a_handler_that_only_counts_changes_nothing",
    ),
    "Other Python threads run": ("test_ctrl_c_in_every_phase",),
    "One `Gain` serves many threads": ("test_eight_threads_on_one_gain_answer_as_one",),
    "Missing threads are no error.": (
        "test_where_no_thread_can_be_had",
        "test_nonsense_in_rayon_num_threads",
        "test_a_small_stack",
    ),
    "A process may fork": (
        "test_fork_before_and_after_a_solve",
        "test_fork_while_other_threads_solve",
        "test_fork_while_another_thread_solves_for_the_first_time",
    ),
    "A `Gain` and a `Solution` can be pickled.": (
        "test_gains_and_solutions_travel_between_processes",
        "test_a_pickled_gain_answers_to_the_bit",
    ),
    "An interpreter may exit while its threads solve.": (
        "test_exit_while_a_daemon_thread_solves",
        "test_exit_between_the_solves_of_several_threads",
    ),
    "Output streams may be closed, missing or full.": ("test_streams_that_cannot_be_written",),
    "Subinterpreters work": (
        "test_a_subinterpreter_beside_the_main_one",
        "test_subinterpreters_without_a_main_one",
    ),
    "A solve stays in its memory.": (
        "test_a_solve_touches_nothing_outside_of_its_memory",
        "test_nothing_is_printed_unless_asked",
    ),
    "Commands remove only their own files": (
        "test_nothing_stays_of_an_earlier_run",
        "test_a_list_that_is_damaged_removes_nothing",
    ),
    "A failure keeps earlier results.": (
        "test_a_full_disk_leaves_the_old_results_whole",
        "test_a_move_that_fails_is_undone",
        "test_an_interrupt_while_writing_leaves_the_old_results_whole",
    ),
    "Numbers are written first": ("test_what_was_solved_is_there_when_a_picture_fails",),
    "Names stay text.": ("test_words_of_a_user_are_words", "test_a_report_of_any_words"),
    "Every window is counted": (
        "test_a_stream_with_faults_is_survived_and_what_is_lost_is_counted",
    ),
    "Bad windows are skipped.": ("what_cannot_be_solved_is_skipped",),
    "The live page is local.": ("test_page_serves_what_was_found_to_this_computer_only",),
    "Memory is bounded": ("test_memory_beyond_the_gain",),
    "Nothing grows": ("test_memory_does_not_grow",),
    "Epochs and windows allocate nothing": (
        "epochs_allocate_nothing",
        "windows_allocate_nothing",
    ),
    "Unsafe code is small": ("test_unsafe_code_is_little_and_says_why",),
}
