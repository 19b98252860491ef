package org.kerassep.demo.fakes

/** What a test does at a certain point; unlike a function type it takes its number as it is, and allocates nothing. */
fun interface Hook {
    fun at(count: Int)
}
