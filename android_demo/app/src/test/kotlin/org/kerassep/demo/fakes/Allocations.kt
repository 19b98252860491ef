package org.kerassep.demo.fakes

/** Bytes that the calling thread has allocated; by reflection, because Android's Java does not have the classes. */
fun allocatedBytes(): Long {
    val bean = Class.forName("java.lang.management.ManagementFactory").getMethod("getThreadMXBean").invoke(null)
    val count = Class.forName("com.sun.management.ThreadMXBean").getMethod("getThreadAllocatedBytes", Long::class.java)
    return count.invoke(bean, Thread.currentThread().id) as Long
}
