//! Finds the CBLAS of the feature `blas`: `MXNE_BLAS_LIB_DIR`, else Accelerate on macOS, else the
//! `scipy-openblas32` package of the Python on the path (or `PYO3_PYTHON`), else `-lopenblas`.

use std::path::Path;
use std::process::Command;

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    println!("cargo:rustc-check-cfg=cfg(openblas, scipy_openblas)");
    if std::env::var_os("CARGO_FEATURE_BLAS").is_none() {
        return;
    }
    for name in ["MXNE_BLAS_LIB_DIR", "PYO3_PYTHON", "PATH"] {
        println!("cargo:rerun-if-env-changed={name}");
    }
    if let Ok(directory) = std::env::var("MXNE_BLAS_LIB_DIR") {
        let scipy = has_library(&directory, "scipy_openblas");
        link(&directory, if scipy { "scipy_openblas" } else { "openblas" }, scipy);
    } else if std::env::var("CARGO_CFG_TARGET_OS").is_ok_and(|os| os == "macos") {
        println!("cargo:rustc-link-lib=framework=Accelerate");
    } else if let Some(directory) = scipy_openblas() {
        link(&directory, "scipy_openblas", true);
    } else {
        println!("cargo:rustc-cfg=openblas");
        println!("cargo:rustc-link-lib=openblas");
    }
}

fn link(directory: &str, library: &str, scipy: bool) {
    println!("cargo:rerun-if-changed={directory}");
    println!("cargo:rustc-cfg=openblas");
    if scipy {
        println!("cargo:rustc-cfg=scipy_openblas");
    }
    println!("cargo:rustc-link-search=native={directory}");
    println!("cargo:rustc-link-lib={library}");
    println!("cargo:rustc-link-arg=-Wl,-rpath,{directory}");
}

fn has_library(directory: &str, name: &str) -> bool {
    Path::new(directory).read_dir().is_ok_and(|mut files| {
        files.any(|file| file.is_ok_and(|f| f.file_name().to_string_lossy().contains(name)))
    })
}

fn scipy_openblas() -> Option<String> {
    let python = std::env::var("PYO3_PYTHON").unwrap_or_else(|_| "python3".into());
    let script = "import scipy_openblas32 as b; print(b.get_lib_dir())";
    let output = Command::new(python).args(["-c", script]).output().ok()?;
    let directory = String::from_utf8(output.stdout).ok()?.trim().to_string();
    (output.status.success() && !directory.is_empty()).then_some(directory)
}
