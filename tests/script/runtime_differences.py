"""Where the two runtimes answer differently: test, or test and parameter → why. Each must really differ."""

NEWER = "a newer MicroPython than the device's"
WORDS = "words of the newer MicroPython"
LOOPS = "MicroPython counts no ticks"
OWN_STACK = "stacks of the interpreter's own size"

DIFFERENT = {
    # the language of 1.29 is larger than that of 1.13
    "test_methods_that_the_device_lacks_are_attribute_errors[b'a'.hex()]": NEWER,
    "test_methods_that_the_device_lacks_are_attribute_errors[bytes.fromhex('00')]": NEWER,
    "test_methods_that_take_no_keywords_are_type_errors[(1).to_bytes(2, byteorder='big')]": NEWER,
    "test_text_that_a_script_evaluates_is_held_to_the_same_language": "text for eval does not pass through our loader",
    **{
        f"test_builtins_the_device_does_not_have_are_name_errors[{name}]": "the name is there; its call is a NameError"
        for name in ("compile", "help", "input")
    },
    # modules that only compute are MicroPython's own
    "test_ure_finds_groups": "this build's match objects know group() alone",
    "test_ure_refuses_what_its_engine_does_not_know": WORDS,
    "test_scrambled_json_has_an_order_of_its_own_and_always_the_same": "the order of keys is MicroPython's own",
    # threads
    "test_2_3_the_ping_thread_has_half_the_stack_on_ec600e_and_ec800e[EC800E-error1]": OWN_STACK,
    # text
    "test_2_2_an_application_that_unpacks_by_itself_notes_its_files": "the order of keys is MicroPython's own",
    "test_ql_fs_makes_copies_and_removes_trees": "repr() writes letters beyond ASCII as escapes",
    # time
    "test_a_busy_wait_lets_the_other_thread_set_the_flag": LOOPS,
    "test_a_task_that_never_pauses_lets_time_pass_and_hangs_in_the_end": LOOPS,
    "test_an_endless_loop_is_parked_as_hung_and_time_goes_on": LOOPS + ": the whole script stops, see test_micropython",
}
