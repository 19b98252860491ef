import org.jetbrains.kotlin.gradle.dsl.JvmTarget

plugins {
    alias(libs.plugins.kotlin.jvm)
}

kotlin {
    compilerOptions {
        jvmTarget.set(JvmTarget.JVM_11)
        freeCompilerArgs.add("-Xjdk-release=11")
    }
}

java {
    sourceCompatibility = JavaVersion.VERSION_11
    targetCompatibility = JavaVersion.VERSION_11
}

// The golden vectors are read where they lie: the models that they belong to are named relative to them.
sourceSets.test {
    resources.exclude("golden/**")
}

dependencies {
    testImplementation(libs.junit.jupiter)
    testImplementation(libs.jna)
    testRuntimeOnly("org.junit.platform:junit-platform-launcher")
}

tasks.test {
    useJUnitPlatform()
    // LiteRT wants host memory at multiples of 64 bytes, which plain direct buffers are not. Without escape analysis an
    // allocation is one, as on Android, even where this machine's compiler could remove it.
    jvmArgs("-Dsun.nio.PageAlignDirectMemory=true", "-XX:-DoEscapeAnalysis")
    providers.systemProperty("kerassep.litert").orNull?.let { systemProperty("kerassep.litert", it) }
}
