package org.kerassep.core

/** A stage of radix 4. */
internal class FftStage4(length: Int, private val groups: Int) : FftStage {
    private val size = length / (4 * groups)
    private val w1 = twiddles(length, groups, (size - 1) / 2)
    private val w2 = twiddles(length, 2 * groups, (size - 1) / 2)
    private val w3 = twiddles(length, 3 * groups, (size - 1) / 2)

    override fun forward(from: DoubleArray, to: DoubleArray) {
        for (group in 0 until groups) {
            val a = size * group
            val b = a + size * groups
            val c = b + size * groups
            val d = c + size * groups
            val block0 = 4 * size * group
            val block1 = block0 + size
            val block2 = block1 + size
            val block3 = block2 + size

            val outer = from[d] + from[b]
            val inner = from[a] + from[c]
            to[block0] = inner + outer
            to[block3 + size - 1] = inner - outer
            to[block2] = from[d] - from[b]
            to[block1 + size - 1] = from[a] - from[c]
            if (size == 1) continue

            val last = size - 1
            val re = HALF_SQRT_2 * (from[b + last] - from[d + last])
            val im = -HALF_SQRT_2 * (from[b + last] + from[d + last])
            to[block0 + last] = from[a + last] + re
            to[block2 + last] = from[a + last] - re
            to[block3] = im + from[c + last]
            to[block1] = im - from[c + last]

            for (bin in 1 until size / 2) { // no `step`: it would allocate
                val i = 2 * bin
                val bRe = w1[i - 2] * from[b + i - 1] + w1[i - 1] * from[b + i]
                val bIm = w1[i - 2] * from[b + i] - w1[i - 1] * from[b + i - 1]
                val cRe = w2[i - 2] * from[c + i - 1] + w2[i - 1] * from[c + i]
                val cIm = w2[i - 2] * from[c + i] - w2[i - 1] * from[c + i - 1]
                val dRe = w3[i - 2] * from[d + i - 1] + w3[i - 1] * from[d + i]
                val dIm = w3[i - 2] * from[d + i] - w3[i - 1] * from[d + i - 1]
                val sumRe = dRe + bRe
                val sumIm = bIm + dIm
                val evenRe = from[a + i - 1] + cRe
                val evenIm = from[a + i] + cIm
                val oddRe = from[a + i - 1] - cRe
                val oddIm = from[a + i] - cIm
                val turnedRe = bIm - dIm
                val turnedIm = dRe - bRe
                to[block0 + i - 1] = evenRe + sumRe
                to[block0 + i] = sumIm + evenIm
                to[mirror(block3, i) - 1] = evenRe - sumRe
                to[mirror(block3, i)] = sumIm - evenIm
                to[block2 + i - 1] = oddRe + turnedRe
                to[block2 + i] = turnedIm + oddIm
                to[mirror(block1, i) - 1] = oddRe - turnedRe
                to[mirror(block1, i)] = turnedIm - oddIm
            }
        }
    }

    override fun inverse(from: DoubleArray, to: DoubleArray) {
        for (group in 0 until groups) {
            val a = size * group
            val b = a + size * groups
            val c = b + size * groups
            val d = c + size * groups
            val block0 = 4 * size * group
            val block1 = block0 + size
            val block2 = block1 + size
            val block3 = block2 + size
            val last = size - 1

            val sum = from[block0] + from[block3 + last]
            val difference = from[block0] - from[block3 + last]
            val doubleRe = 2.0 * from[block1 + last]
            val doubleIm = 2.0 * from[block2]
            to[a] = sum + doubleRe
            to[c] = sum - doubleRe
            to[d] = difference + doubleIm
            to[b] = difference - doubleIm
            if (size == 1) continue

            val re = from[block0 + last] - from[block2 + last]
            val im = from[block3] + from[block1]
            val evenRe = from[block0 + last] + from[block2 + last]
            val evenIm = from[block3] - from[block1]
            to[a + last] = evenRe + evenRe
            to[b + last] = SQRT_2 * (re - im)
            to[c + last] = evenIm + evenIm
            to[d + last] = -SQRT_2 * (re + im)

            for (bin in 1 until size / 2) { // no `step`: it would allocate
                val i = 2 * bin
                val mirror3 = mirror(block3, i)
                val mirror1 = mirror(block1, i)
                val aRe = from[block0 + i - 1] + from[mirror3 - 1]
                val aIm = from[block0 + i] - from[mirror3]
                val eRe = from[block0 + i - 1] - from[mirror3 - 1]
                val eIm = from[block0 + i] + from[mirror3]
                val fRe = from[block2 + i - 1] + from[mirror1 - 1]
                val fIm = from[block2 + i] - from[mirror1]
                val gRe = from[block2 + i] + from[mirror1]
                val gIm = from[block2 + i - 1] - from[mirror1 - 1]
                to[a + i - 1] = aRe + fRe
                to[a + i] = aIm + fIm
                turn(to, b + i, w1, i, eRe - gRe, eIm + gIm)
                turn(to, c + i, w2, i, aRe - fRe, aIm - fIm)
                turn(to, d + i, w3, i, eRe + gRe, eIm - gIm)
            }
        }
    }

    /** Where number i of a block lies that is written backwards. */
    private fun mirror(block: Int, i: Int): Int = block + size - i

    private fun turn(to: DoubleArray, place: Int, w: DoubleArray, i: Int, re: Double, im: Double) {
        to[place] = w[i - 2] * im + w[i - 1] * re
        to[place - 1] = w[i - 2] * re - w[i - 1] * im
    }

    private companion object {
        const val SQRT_2 = 1.4142135623730951
        const val HALF_SQRT_2 = 0.7071067811865476
    }
}
