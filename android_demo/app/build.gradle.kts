import org.jetbrains.kotlin.gradle.dsl.JvmTarget

plugins {
    alias(libs.plugins.android.application)
    alias(libs.plugins.kotlin.android)
    alias(libs.plugins.kotlin.compose)
}

android {
    namespace = "org.kerassep.demo"
    compileSdk = 36

    defaultConfig {
        applicationId = "org.kerassep.demo"
        minSdk = 26
        targetSdk = 36
        versionCode = 2
        versionName = "0.2.0"
    }

    buildTypes {
        release {
            isMinifyEnabled = true
            isShrinkResources = true
            proguardFiles(getDefaultProguardFile("proguard-android-optimize.txt"), "proguard-rules.pro")
        }
    }

    buildFeatures {
        compose = true
    }

    compileOptions {
        sourceCompatibility = JavaVersion.VERSION_11
        targetCompatibility = JavaVersion.VERSION_11
    }

    androidResources {
        noCompress += listOf("tflite", "flac") // models are mapped, the example is read in place
    }

    packaging {
        jniLibs.useLegacyPackaging = false // uncompressed and aligned, so that devices with pages of 16 KB map them
        resources.excludes += "META-INF/{AL2.0,LGPL2.1}"
    }

    testOptions {
        unitTests.isIncludeAndroidResources = true // Robolectric
    }
}

kotlin {
    compilerOptions {
        jvmTarget.set(JvmTarget.JVM_11)
    }
}

dependencies {
    implementation(project(":core"))
    implementation(libs.activity.compose)
    implementation(libs.androidx.core)
    implementation(libs.compose.foundation)
    implementation(libs.compose.material3)
    implementation(libs.compose.ui)
    implementation(libs.coroutines.android)
    implementation(libs.lifecycle.runtime.compose)
    implementation(libs.lifecycle.viewmodel.compose)
    implementation(libs.litert)

    debugImplementation(libs.compose.ui.test.manifest)

    testImplementation(libs.androidx.test.core)
    testImplementation(libs.compose.ui.test.junit4)
    testImplementation(libs.coroutines.test)
    testImplementation(libs.junit4)
    testImplementation(libs.robolectric)
}

// The models, their catalogue and the example song are the Python package's: exported, not kept twice.
val repository: File = rootDir.parentFile
val python: String =
    listOf(".venv/bin/python", ".venv/Scripts/python.exe").map(repository::resolve).firstOrNull(File::exists)?.path
        ?: listOf("python3", "python").firstOrNull { program ->
            providers.environmentVariable("PATH").getOrElse("").split(File.pathSeparator)
                .any { folder -> File(folder, program).exists() || File(folder, "$program.exe").exists() }
        }
        ?: "" // said by the task, when it is needed

val exportModels by tasks.registering(Exec::class) {
    group = "build"
    description = "Writes the shipped models and the example song to src/main/assets."
    inputs.files(
        fileTree(repository.resolve("keras_sep/assets")) { include("*.tflite", "*.json", "*.LICENSE") },
        fileTree(repository.resolve("export/android")) { include("**/*.py") },
        repository.resolve("keras_sep/assets/example/mixture.flac"),
    ).withPathSensitivity(PathSensitivity.RELATIVE)
    outputs.dirs("src/main/assets/models", "src/main/assets/example")
    workingDir(repository)
    commandLine(python.ifEmpty { "python3" }, "-m", "export", "android", "--no-golden")
    val found = python
    doFirst {
        if (found.isEmpty()) {
            throw GradleException(
                "expected Python 3.10 or newer on the PATH or in .venv, to write the models to app/src/main/assets. " +
                    "Received: none. Install it, run `make demo` or `python -m export android` in the repository once.",
            )
        }
    }
}

tasks.named("preBuild") {
    dependsOn(exportModels)
}
